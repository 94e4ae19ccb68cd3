// Aliyun Dysmsapi SendSms, version 2017-05-25: into the inbox instead of the air.
// Codes of refusals: https://help.aliyun.com/zh/sms/developer-reference/api-error-codes ; they arrive with HTTP 200.
import { z } from 'zod';
import type { AliyunAction } from '../aliyun/gateway.routes.ts';
import type { SandboxSecrets } from '../config.ts';
import { commonFaults, deliveryFaults, times } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';
import { randomDigits } from '../crypto/random.ts';
import { parseJson } from '../http/raw-body.ts';
import { deliver } from '../inbox/deliver.ts';
import { codeIn, type Inbox } from '../inbox/inbox.ts';

const faults = z.strictObject({
  ...commonFaults,
  /** Refuse with this code of the vendor, e.g. isv.BUSINESS_LIMIT_CONTROL. */
  answer: z.strictObject({ code: z.string().regex(/^is[vp]\.[A-Z_]+$/), times }).optional(),
  /** Accept, but never deliver to the inbox. */
  undelivered: z.strictObject({ times }).optional(),
  ...deliveryFaults,
});
type SmsFaults = z.infer<typeof faults>;

export const createSmsPart = () => createPart<SmsFaults>('sms', 'Aliyun SMS (Dysmsapi SendSms)', faults);

const templateValues = z.record(z.string(), z.string());
const mainlandMobile = /^(?:\+86|0086|86)?(1[3-9][0-9]{9})$/;

type Outcome = { code: string; message: string };
const ok: Outcome = { code: 'OK', message: 'OK' };

export const sendSmsAction = ({
  part,
  inbox,
  secrets,
}: {
  part: Part<SmsFaults>;
  inbox: Inbox;
  secrets: SandboxSecrets;
}): AliyunAction => {
  const send = (parameters: Map<string, string>, region: string): Outcome => {
    const own = secrets.regions[region]?.sms;
    const requested = part.faults.take('answer');
    if (requested) return { code: requested.code, message: 'Refused on request of the sandbox control' };
    const phones = (parameters.get('PhoneNumbers') ?? '').split(',');
    if (phones.length > 1000) return { code: 'isv.MOBILE_COUNT_OVER_LIMIT', message: '手机号码数量超过限制' };
    const numbers = phones.map((phone) => mainlandMobile.exec(phone)?.[1]);
    if (numbers.some((number) => !number)) return { code: 'isv.MOBILE_NUMBER_ILLEGAL', message: '非法手机号' };
    if (parameters.get('SignName') !== own?.signName)
      return { code: 'isv.SMS_SIGNATURE_ILLEGAL', message: '该账号下找不到对应签名' };
    const template = Object.values(own?.templates ?? {}).find((t) => t.code === parameters.get('TemplateCode'));
    if (!template) return { code: 'isv.SMS_TEMPLATE_ILLEGAL', message: '该账号下找不到对应模板' };
    const values = templateValues.safeParse(parseJson(parameters.get('TemplateParam') ?? '{}'));
    if (!values.success) return { code: 'isv.INVALID_JSON_PARAM', message: '参数格式错误，请修改为字符串值' };
    const names = [...template.text.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1] ?? '');
    if (names.some((name) => !values.data[name]))
      return { code: 'isv.TEMPLATE_MISSING_PARAMETERS', message: '模板缺少变量' };

    if (part.faults.take('undelivered')) return ok;
    const text = `【${own?.signName}】${template.text.replace(/\$\{(\w+)\}/g, (_whole, name: string) => values.data[name] ?? '')}`;
    const code = values.data.code ?? codeIn(text);
    const message = { channel: 'sms', region, from: own?.signName ?? '', subject: null, text, code } as const;
    deliver(
      inbox,
      part.faults.current(),
      numbers.map((number) => ({ ...message, to: `+86${number}` })),
    );
    return ok;
  };
  return {
    name: 'SendSms',
    version: '2017-05-25',
    part,
    accessKeys: Object.entries(secrets.regions).map(([region, { sms }]) => ({
      accessKeyId: sms.accessKeyId,
      accessKeySecret: sms.accessKeySecret,
      region,
    })),
    answer: (parameters, { region, requestId }) => {
      const outcome = send(parameters, region);
      return {
        RequestId: requestId,
        Code: outcome.code,
        Message: outcome.message,
        ...(outcome.code === 'OK' && { BizId: `${randomDigits(18)}^0` }),
      };
    },
  };
};
