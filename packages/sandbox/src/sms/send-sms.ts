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

/** What was approved for a region's operator, by the template's name; a value takes its placeholder. */
const textsOf = (region: string): Readonly<Record<string, string>> => ({
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the vendor's own placeholder syntax
  code: '您的验证码为：${code}，5分钟内有效，请勿泄露于他人。',
  notice: `尊敬的用户，\${what}（\${time}）。如非本人操作，或需继续办理，请前往 https://help.${region}.meridian.example`,
});
/** Per variable of a notice or a code: https://help.aliyun.com/zh/sms/developer-reference/api-error-codes, isv.PARAM_LENGTH_LIMIT */
const longestValue = 35;
// An address belongs into the template, where it is reviewed: isv.PARAM_NOT_SUPPORT_URL.
const addressLike = /https?:|www\.|[a-z0-9-]+\.(com|cn|net|org|example)\b/i;

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
    const [name = ''] =
      Object.entries(own?.templates ?? {}).find(([, { code }]) => code === parameters.get('TemplateCode')) ?? [];
    const template = textsOf(region)[name];
    if (template === undefined) return { code: 'isv.SMS_TEMPLATE_ILLEGAL', message: '该账号下找不到对应模板' };
    const values = templateValues.safeParse(parseJson(parameters.get('TemplateParam') ?? '{}'));
    if (!values.success) return { code: 'isv.INVALID_JSON_PARAM', message: '参数格式错误，请修改为字符串值' };
    const names = [...template.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1] ?? '');
    if (names.some((one) => !values.data[one]))
      return { code: 'isv.TEMPLATE_MISSING_PARAMETERS', message: '模板缺少变量' };
    const given = names.map((one) => values.data[one] ?? '');
    if (given.some((value) => value.length > longestValue))
      return { code: 'isv.PARAM_LENGTH_LIMIT', message: '参数超过长度限制' };
    if (given.some((value) => addressLike.test(value)))
      return { code: 'isv.PARAM_NOT_SUPPORT_URL', message: '变量不支持传入URL' };

    if (part.faults.take('undelivered')) return ok;
    const text = `【${own?.signName}】${template.replace(/\$\{(\w+)\}/g, (_whole, one: string) => values.data[one] ?? '')}`;
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
