// What strangers may do so often without a captcha and, once they have solved one, up to the limits that hold for everybody.
import type { Tx } from '@meridian/kit/db/database.ts';
import { bookAll, lockUsed } from '../codes/limit.store.ts';
import { type Rule, waitOf } from '../codes/limits.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { assertSolved } from './captcha.ts';

export type Gated<T> = T | { readonly outcome: 'captcha_required' };

/**
 * Attempts without a captcha and, when the attempt asks for one, again with the token checked. The captcha service is never asked inside a transaction.
 * An attempt that has been shown a person must not ask again.
 */
export const withCaptcha = async <T extends { readonly outcome: string }>(
  { captcha }: Pick<IdentityDeps, 'captcha'>,
  token: string | undefined,
  attempt: (personShown: boolean) => Promise<Gated<T>>,
): Promise<T> => {
  const first = await attempt(false);
  if (first.outcome !== 'captcha_required') return first as T;
  await assertSolved(captcha, token);
  return (await attempt(true)) as T;
};

/**
 * Books `rules` in this transaction, behind the gates where nobody has been shown to be a person: a burst of requests cannot all look before the first
 * of them is counted. A gate that does not only look is booked by what passes through it. Answers the seconds to wait, or "captcha"; undefined: booked.
 */
export const reserveBehind = async (
  tx: Tx<IdentitySchema>,
  {
    personShown,
    gates,
    rules,
    now,
  }: { personShown: boolean; gates: readonly Rule[]; rules: readonly Rule[]; now: Date },
): Promise<number | 'captcha' | undefined> => {
  const met = personShown ? [] : gates;
  const used = await lockUsed(tx, [...met, ...rules], now);
  if (waitOf(met, used, now) !== undefined) return 'captcha';
  const wait = waitOf(rules, used, now);
  if (wait === undefined) await bookAll(tx, [...met, ...rules], now);
  return wait;
};
