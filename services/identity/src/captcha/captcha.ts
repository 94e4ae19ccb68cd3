// The port of a captcha service of the "siteverify" form, which hCaptcha, Turnstile and reCAPTCHA share:
// https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
import { unavailable } from '@meridian/contracts/common.ts';
import { captchaRequired } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { request } from 'undici';
import { z } from 'zod';

/** Whether a person solved it. Rejects with 503 when the service gives no usable answer: no verdict is no pass. */
export type Captcha = (token: string) => Promise<boolean>;

const timeoutMs = 5_000;
const answer = z.looseObject({ success: z.boolean() });

export const createCaptcha =
  ({ endpoint, secret }: { endpoint: string; secret: string }): Captcha =>
  async (token) => {
    try {
      const { statusCode, body } = await request(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ secret, response: token }).toString(),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = (await body.text()).slice(0, 65_536);
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      return answer.parse(JSON.parse(text)).success;
    } catch {
      // The cause may quote the secret; that the service is out is all a caller can use.
      return fail(unavailable, { retryAfter: 5, detail: 'The captcha cannot be checked at the moment' });
    }
  };

/** Refuses unless the token is that of a solved captcha. */
export const assertSolved = async (captcha: Captcha, token: string | undefined): Promise<void> => {
  if (token === undefined) fail(captchaRequired, { detail: 'Send captchaToken with the request' });
  else if (!(await captcha(token)))
    fail(captchaRequired, { detail: 'This captcha was not solved, or was used; show another' });
};
