// What an account has to show, and whether a code to its number can be trusted.
import type { ProofKind } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { secondFactorsOf } from '../factors/factor.store.ts';
import { loginsOf } from '../logins/linked-login.store.ts';
import { lastSeen } from './last-seen.ts';
import type { Standing } from './recovery.ts';

type Transaction = Tx<IdentitySchema>;

const contactsOf = (tx: Transaction, accountId: string) =>
  tx.selectFrom('contact').select(['id', 'kind']).where('account_id', '=', accountId).execute();

/** Longer than the profile allows a number alone to open an account. */
export const isIdle = async (
  tx: Transaction,
  { region, now }: Pick<IdentityDeps, 'region' | 'now'>,
  accountId: string,
): Promise<boolean> => {
  const days = region.profile.recovery.secondProofAfterIdleDays;
  return now().getTime() - (await lastSeen(tx, accountId)).getTime() > days * 86_400_000;
};

/** `provenContacts`: whose codes were right; none: a message went to all of them. */
export const standingOf = async (
  tx: Transaction,
  deps: Pick<IdentityDeps, 'region' | 'now'>,
  { accountId, provenContacts }: { accountId: string; provenContacts: readonly string[] },
): Promise<Standing & { readonly gone: boolean }> => {
  const contacts = await contactsOf(tx, accountId);
  // Every statement in any case: which of them run must not tell what an account has.
  const secondFactors = await secondFactorsOf(tx, accountId);
  const idle = await isIdle(tx, deps, accountId);
  const asked = provenContacts.length === 0 ? contacts : contacts.filter(({ id }) => provenContacts.includes(id));
  return {
    secondFactor: secondFactors.length > 0,
    doubtful: idle && asked.some(({ kind }) => kind === 'phone'),
    gone: asked.length < provenContacts.length,
  };
};

/** Kinds of proof that the account could show, real names left out: verification knows those. */
export const availableProofs = async (tx: Transaction, accountId: string): Promise<ProofKind[]> => {
  const contacts = (await contactsOf(tx, accountId)).length;
  const factors = await secondFactorsOf(tx, accountId);
  return [
    ...(contacts > 0 ? (['code'] as const) : []),
    ...(contacts > 1 ? (['second_code'] as const) : []),
    ...factors,
    ...(await linkedProofs(tx, accountId)),
  ];
};

/** Accounts elsewhere that are linked; signing in by one of them is the proof. */
const linkedProofs = async (tx: Transaction, accountId: string): Promise<'linked_login'[]> =>
  (await loginsOf(tx, accountId)).some(({ ends_at: endsAt }) => endsAt === null) ? ['linked_login'] : [];
