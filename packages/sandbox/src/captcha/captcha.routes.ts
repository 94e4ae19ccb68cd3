// A captcha service of the common "siteverify" form (hCaptcha, Turnstile, reCAPTCHA): POST secret and response, JSON with `success`.
// https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SandboxSecrets } from '../config.ts';
import { commonFaults, times } from '../control/faults.ts';
import { applyFaults, createPart, type Part } from '../control/part.ts';
import { randomText } from '../crypto/random.ts';
import { sameText } from '../crypto/same-text.ts';

const faults = z.strictObject({
  ...commonFaults,
  /** Say that the person did not solve it. */
  unsolved: z.strictObject({ times }).optional(),
});
type CaptchaFaults = z.infer<typeof faults>;

export const createCaptchaPart = () => createPart<CaptchaFaults>('captcha', 'Captcha (siteverify)', faults);

const lifeMs = 300_000;
const tokensKept = 10_000;

export const captchaRoutes = (
  app: FastifyInstance,
  { part, secrets, now }: { part: Part<CaptchaFaults>; secrets: SandboxSecrets; now: () => Date },
): void => {
  const solved = new Map<string, number>();
  // What the widget in a page does once the person has solved it.
  app.post('/captcha/solve', async () => {
    const [oldest] = solved.keys();
    if (solved.size >= tokensKept && oldest !== undefined) solved.delete(oldest);
    const token = `captcha-${randomText(40)}`;
    solved.set(token, now().getTime() + lifeMs);
    return { token };
  });
  app.register(async (scope) => {
    applyFaults(scope, {
      partOf: () => part,
      now,
      renderFailure: (reply, status) => reply.code(status).send({ success: false, 'error-codes': ['internal-error'] }),
    });
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, new URLSearchParams(String(body))),
    );
    scope.post('/captcha/siteverify', async (request) => {
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
      const refuse = (code: string) => ({ success: false, 'error-codes': [code] });
      const secret = form.get('secret') ?? '';
      if (!Object.values(secrets.regions).some((region) => sameText(region.captcha.secret, secret)))
        return refuse('invalid-input-secret');
      const token = form.get('response') ?? '';
      const until = solved.get(token);
      // Single use, whatever the outcome.
      solved.delete(token);
      if (until === undefined) return refuse('timeout-or-duplicate');
      if (until < now().getTime() || part.faults.take('unsolved')) return refuse('invalid-input-response');
      return { success: true, 'error-codes': [], challenge_ts: now().toISOString() };
    });
  });
};
