// Aliyun cloudauth Id2MetaVerify, version 2019-03-07: name and identity number against the sandbox's registry.
// https://help.aliyun.com/zh/id-verification/information-verification/developer-reference/vatsl9lfmbwe74iv
// `Code` says whether the call worked, `BizCode` what the registry says. ParamType md5 is no longer accepted by the original for this call.
import { z } from 'zod';
import type { AliyunAction } from '../aliyun/gateway.routes.ts';
import type { SandboxSecrets } from '../config.ts';
import { commonFaults, times } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';
import { isIdNumber } from './id-number.ts';
import { registeredName } from './test-persons.ts';

const messages = {
  '200': 'success',
  '400': '参数不能为空',
  '401': '参数非法',
  '402': '权威源服务异常',
  '403': '异常重复调用',
  '410': '未开通服务',
  '411': 'RAM无权限',
  '412': '欠费中',
  '500': '系统错误',
} as const;
type Code = keyof typeof messages;
type BizCode = '1' | '2' | '3';

const faults = z.strictObject({
  ...commonFaults,
  /** Answer this code of the vendor, or this result, whatever the person. */
  answer: z
    .union([
      z.strictObject({ code: z.enum(Object.keys(messages) as [Code, ...Code[]]), times }),
      z.strictObject({ bizCode: z.enum(['1', '2', '3']), times }),
    ])
    .optional(),
});
type RealNameFaults = z.infer<typeof faults>;

export const createRealNamePart = () =>
  createPart<RealNameFaults>('real-name', 'Real-name registry (Aliyun Id2MetaVerify)', faults);

const nameForm = /^\p{Script=Han}[\p{Script=Han}·•]{0,48}\p{Script=Han}$/u;

export const id2MetaVerifyAction = ({
  part,
  secrets,
  now,
}: {
  part: Part<RealNameFaults>;
  secrets: SandboxSecrets;
  now: () => Date;
}): AliyunAction => {
  const decide = (parameters: Map<string, string>): { code: Code; bizCode?: BizCode } => {
    const [type, idNumber, name] = ['ParamType', 'IdentifyNum', 'UserName'].map((key) => parameters.get(key));
    if (!type || !idNumber || !name) return { code: '400' };
    if (type !== 'normal' || !isIdNumber(idNumber.toUpperCase(), now()) || !nameForm.test(name)) return { code: '401' };
    const requested = part.faults.take('answer');
    if (requested) return 'code' in requested ? { code: requested.code } : { code: '200', bizCode: requested.bizCode };
    const registered = registeredName(idNumber.toUpperCase());
    return { code: '200', bizCode: registered === undefined ? '3' : registered === name ? '1' : '2' };
  };
  return {
    name: 'Id2MetaVerify',
    version: '2019-03-07',
    part,
    accessKeys: Object.entries(secrets.regions).map(([region, { realName }]) => ({ ...realName, region })),
    answer: (parameters, { requestId }) => {
      const { code, bizCode } = decide(parameters);
      return {
        RequestId: requestId,
        Code: code,
        Message: messages[code],
        ...(bizCode && { ResultObject: { BizCode: bizCode } }),
      };
    },
  };
};
