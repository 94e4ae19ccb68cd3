// Text messages by Aliyun Dysmsapi, action SendSms (2017-05-25): https://help.aliyun.com/document_detail/419273.html
import { randomUUID } from 'node:crypto';
import { signAcs3 } from '@meridian/kit/aliyun/acs3.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { type CodeSender, SendError } from './code-sender.ts';

export type SmsOptions = {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly signName: string;
  readonly template: string;
  /** With the variables `what` and `time`. A variable takes 35 characters and no address, so the one to turn to stands in the template itself. */
  readonly noticeTemplate: string;
  readonly now: Now;
};

const timeoutMs = 5_000;
/** Sooner, so that a provider that cannot be reached is told from one that only answers late. */
const connectMs = 2_500;
/** Of a connection that was never made: nothing was sent. */
const notReached = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const answer = z.looseObject({ Code: z.string().max(200) });

/** Numbers of the mainland go without "+86": https://help.aliyun.com/document_detail/419273.html, PhoneNumbers. */
const withoutCountry = (number: string) => number.replace(/^\+86/, '').replace(/^\+/, '00');

export const createSmsSender = (options: SmsOptions): CodeSender => {
  const url = new URL('/', options.endpoint);
  const dispatcher = new Agent({ connect: { timeout: connectMs } });
  const post = async (form: string) => {
    const headers = signAcs3({
      method: 'POST',
      host: url.host,
      path: '/',
      query: {},
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form,
      action: 'SendSms',
      version: '2017-05-25',
      accessKeyId: options.accessKeyId,
      accessKeySecret: options.accessKeySecret,
      now: options.now,
      nonce: randomUUID(),
    });
    const { body } = await request(url, {
      method: 'POST',
      headers,
      body: form,
      signal: AbortSignal.timeout(timeoutMs),
      dispatcher,
    });
    return answer.parse(JSON.parse((await body.text()).slice(0, 65_536)));
  };
  const sms = async (to: string, template: string, parameters: Record<string, string>, outId: string) => {
    // In the body, not in the query: a number must not lie in the access log of a proxy.
    const form = new URLSearchParams({
      PhoneNumbers: withoutCountry(to),
      SignName: options.signName,
      TemplateCode: template,
      TemplateParam: JSON.stringify(parameters),
      OutId: outId,
    }).toString();
    const { Code } = await post(form).catch((cause: unknown) => {
      throw new SendError('no_usable_answer', { cause, unanswered: !notReached.has(errorCode(cause) ?? '') });
    });
    if (Code !== 'OK') throw new SendError(Code);
  };
  return {
    send: ({ to, code, codeId }) => sms(to, options.template, { code }, codeId),
    notify: ({ to, brief, id }) => sms(to, options.noticeTemplate, brief, id),
    close: () => void dispatcher.close(),
  };
};
