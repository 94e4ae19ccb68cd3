// Use case: sign in, or register, with a code that was found right. Which of the two is decided only here.
import { accountRegistered } from '@meridian/contracts/events/lifecycle.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { insertAccount } from '../account/account.store.ts';
import { acceptedAnew, assertConsent } from '../account/terms.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { consumeCode } from '../codes/code.store.ts';
import { insertContactIfFree, lockOwner } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { type Doubted, doubtSignIn } from '../recovery/second-proof.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { type Continued, continueSignIn } from './continue-sign-in.ts';
import type { Caller, StartDeps } from './start-session.ts';

type Deps = StartDeps;

export type OpenSession = {
  readonly codeId: string;
  readonly identifier: Accepted;
  readonly termsVersion?: string | undefined;
  readonly caller: Caller;
};

export type OpenedSession =
  | { readonly outcome: 'code_used' }
  | { readonly outcome: 'account_cancelled' }
  /** To be committed: the code is used up, the challenge stands for it. */
  | Doubted
  | ({ readonly created: boolean } & Continued);

/** A new account with its first contact; undefined when another registration took the contact meanwhile. */
export const register = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<Deps, 'region' | 'now' | 'vault' | 'publish'>,
  { identifier }: Pick<OpenSession, 'identifier'>,
  blindIndex: string,
  termsVersion: string,
) => {
  const now = deps.now();
  const accountId = newId('acc', deps.region.id, now);
  const contactId = newId('con', deps.region.id, now);
  const { key, wrapped } = deps.vault.drawKey(accountId);
  const free = await insertContactIfFree(tx, {
    id: contactId,
    accountId,
    kind: identifier.kind,
    sealed: deps.vault.seal(key, contactId, identifier.value),
    blindIndex,
    verifiedAt: now,
  });
  if (!free) return undefined;
  await insertAccount(tx, { id: accountId, wrappedKey: wrapped, termsVersion, createdAt: now });
  await deps.publish(tx, accountRegistered, { accountId, data: { method: identifier.method } });
  return accountId;
};

export const openSession = async (tx: Tx<IdentitySchema>, deps: Deps, command: OpenSession): Promise<OpenedSession> => {
  const { codeId, identifier } = command;
  const now = deps.now();
  const blindIndex = deps.codeSecrets.identifierHash(identifier.kind, identifier.value);
  const { termsVersion } = deps.region.profile.registration;

  let owner = await lockOwner(tx, blindIndex);
  if (owner !== undefined && owner.status !== 'active') return { outcome: 'account_cancelled' };
  if (owner === undefined) assertConsent(deps, command.termsVersion);
  if (!(await consumeCode(tx, codeId, 'login', now))) return { outcome: 'code_used' };

  const registered = owner === undefined ? await register(tx, deps, command, blindIndex, termsVersion) : undefined;
  // Lost the race for the contact to another registration, which has committed by now.
  if (registered === undefined) owner ??= await lockOwner(tx, blindIndex);
  if (owner !== undefined && owner.status !== 'active') return { outcome: 'account_cancelled' };
  const accountId = registered ?? owner?.accountId;
  if (accountId === undefined) return { outcome: 'code_used' };

  const { caller } = command;
  const { method } = identifier;
  const acceptedTerms = await acceptedAnew(tx, deps, accountId, command.termsVersion);
  const signIn = { accountId, method, acceptedTerms, caller };
  if (registered !== undefined)
    await appendSecurityLog(tx, { at: now, kind: 'account_registered', accountId, network: caller.network });
  else if (owner !== undefined) {
    const doubted = await doubtSignIn(tx, deps, { ...signIn, contactId: owner.contactId, kind: identifier.kind });
    if (doubted !== undefined) return doubted;
  }
  return { created: registered !== undefined, ...(await continueSignIn(tx, deps, signIn)) };
};
