// Aliyun Id2MetaVerify (product cloudauth, version 2019-03-07): two elements, name and number.
// https://help.aliyun.com/zh/id-verification/information-verification/developer-reference/vatsl9lfmbwe74iv
// `Code` tells how the call went, `BizCode` what the registry says; only both together are an answer. The call takes no order id of the
// caller and changes nothing there, so asking twice is safe (and may be charged twice).
import { randomUUID } from 'node:crypto';
import { signAcs3 } from '@meridian/kit/aliyun/acs3.ts';
import { z } from 'zod';
import type { RegistryOutcome } from '../personal/submission.ts';
import { type Registry, type RegistryAnswer, registryDeadlineMs } from './registry.ts';

export type AliyunSettings = {
  endpoint: string;
  accessKeyId: string;
  accessKeySecret: string;
  now: () => Date;
  /** Milliseconds; default `registryDeadlineMs`. */
  deadlineMs?: number;
};

const answerForm = z.object({
  Code: z.union([z.string(), z.number()]).transform(String),
  Message: z.string().optional(),
  ResultObject: z.object({ BizCode: z.union([z.string(), z.number()]).transform(String) }).nullish(),
});

const bizOutcomes: Readonly<Record<string, RegistryOutcome>> = { '1': 'match', '2': 'mismatch', '3': 'not_found' };
// 400 and 401: missing or invalid parameter. 403: the same question asked too often. Everything else (402 registry down, 410 not activated,
// 411 no permission, 412 overdue payment, 5xx, unknown codes) is nothing the person could change.
const callOutcomes: Readonly<Record<string, RegistryOutcome>> = {
  '400': 'invalid_input',
  '401': 'invalid_input',
  '403': 'provider_limit',
};

/** Maps an answer of the vendor; whatever is not clearly an answer is `provider_unavailable`. */
export const readAliyunAnswer = (status: number, body: unknown): RegistryAnswer => {
  const read = answerForm.safeParse(body);
  if (!read.success) return { outcome: 'provider_unavailable', providerCode: `http_${status}` };
  const { Code: code, ResultObject: result } = read.data;
  // Textual codes are of the API front, e.g. Throttling.User, and come with an HTTP error.
  if (/^Throttling/.test(code)) return { outcome: 'provider_limit', providerCode: code };
  if (code === '200' && status === 200 && result)
    return {
      outcome: bizOutcomes[result.BizCode] ?? 'provider_unavailable',
      providerCode: `biz_${result.BizCode}`,
    };
  return { outcome: callOutcomes[code] ?? 'provider_unavailable', providerCode: code.slice(0, 60) };
};

const failureCode = (error: unknown): string => {
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  return name === 'TimeoutError' ? 'timeout' : 'unreachable';
};

export const aliyunId2 = (settings: AliyunSettings): Registry => ({
  ask: async ({ name, number }) => {
    const url = new URL(settings.endpoint);
    // In the body, not in the address: addresses end up in logs on the way.
    const body = new URLSearchParams({ ParamType: 'normal', UserName: name, IdentifyNum: number }).toString();
    const headers = signAcs3({
      method: 'POST',
      host: url.host,
      path: '/',
      query: {},
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
      action: 'Id2MetaVerify',
      version: '2019-03-07',
      accessKeyId: settings.accessKeyId,
      accessKeySecret: settings.accessKeySecret,
      now: settings.now,
      nonce: randomUUID(),
    });
    try {
      const response = await fetch(new URL('/', url), {
        method: 'POST',
        headers,
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(settings.deadlineMs ?? registryDeadlineMs),
      });
      return readAliyunAnswer(response.status, await response.json());
    } catch (error) {
      // The error's text may quote the body; only its kind goes on.
      return { outcome: 'provider_unavailable', providerCode: failureCode(error) };
    }
  },
});
