// A try at a password is booked before the comparison, so that concurrent ones cannot overrun a limit.
import { codeLimitReached } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { reserveBehind, withCaptcha } from '../captcha/with-captcha.ts';
import { refund } from '../codes/limit.store.ts';
import { passwordCeiling, passwordWindows, type Rule, signInWindows } from '../codes/limits.ts';
import { networkOf } from '../codes/network.ts';
import { networkGate, placeRules } from '../codes/place-rules.ts';
import type { IdentityDeps } from '../deps.ts';

/**
 * Beyond ten wrong tries in an hour a captcha is asked for, and only beyond a hundred in a day is there a wait: a stranger's wrong tries lock nobody
 * out, and touch neither codes nor passkeys of the identifier. Answers what takes the booking back after a right password; the count of sign-ins per
 * network stays.
 */
export const bookPasswordTry = async (
  deps: IdentityDeps,
  { blindIndex, ip, captchaToken }: { blindIndex: string; ip: string; captchaToken: string | undefined },
): Promise<() => Promise<void>> => {
  const { db, codeSecrets } = deps;
  const at = deps.now();
  const own: Rule = {
    scope: codeSecrets.identifierScope('password', blindIndex),
    slotSeconds: 1,
    windows: passwordCeiling,
  };
  const places = placeRules(deps, ip);
  const all: Rule = {
    scope: codeSecrets.networkScope(networkOf(ip), 'sign-ins'),
    slotSeconds: 60,
    windows: signInWindows,
  };
  const gates: Rule[] = [{ ...own, windows: passwordWindows, peek: true }, networkGate(deps, ip)];
  const { wait } = await withCaptcha(deps, captchaToken, async (personShown) => {
    const answer = await db.transaction((tx) =>
      reserveBehind(tx, { personShown, gates, rules: [own, ...places, all], now: at }),
    );
    return answer === 'captcha' ? { outcome: 'captcha_required' } : { outcome: 'booked', wait: answer };
  });
  if (wait !== undefined) fail(codeLimitReached, { retryAfter: wait, detail: 'Too many tries; wait' });
  return async () => {
    for (const rule of [own, ...places]) await refund(db.read, rule, at);
  };
};
