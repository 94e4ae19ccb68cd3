// SQL of flows and of what they proved.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import type { Kysely } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import type { LoginPurpose, PendingStage } from './login-flow.ts';

type Transaction = Tx<IdentitySchema>;

/** Whose flow it is; none of both for a sign-in. */
export type FlowOwner = { readonly accountId: string; readonly sessionId: string } | undefined;

export const insertFlow = async (
  tx: Transaction,
  flow: {
    stateHash: string;
    browserHash: string;
    provider: FederatedLogin;
    purpose: LoginPurpose;
    returnTo: string;
    owner: FlowOwner;
    expiresAt: Date;
  },
): Promise<void> => {
  await tx
    .insertInto('login_flow')
    .values({
      state_hash: flow.stateHash,
      browser_hash: flow.browserHash,
      provider: flow.provider,
      purpose: flow.purpose,
      return_to: flow.returnTo,
      account_id: flow.owner?.accountId ?? null,
      session_id: flow.owner?.sessionId ?? null,
      expires_at: flow.expiresAt,
    })
    .execute();
};

/** Uses a flow up, in the statement that finds it. Undefined when it was used, is too old, or is another provider's or browser's. */
export const takeFlow = (
  tx: Transaction,
  {
    stateHash,
    browserHash,
    provider,
    now,
  }: Record<'stateHash' | 'browserHash', string> & { provider: string; now: Date },
) =>
  tx
    .deleteFrom('login_flow')
    .where('state_hash', '=', stateHash)
    .where('browser_hash', '=', browserHash)
    .where('provider', '=', provider as FederatedLogin)
    .where('expires_at', '>', now)
    .returning(['purpose', 'return_to as returnTo', 'account_id as accountId', 'session_id as sessionId'])
    .executeTakeFirst();

export const insertPending = async (
  tx: Transaction,
  pending: {
    id: string;
    tokenHash: string;
    browserHash: string;
    provider: FederatedLogin;
    purpose: LoginPurpose;
    accountId: string | null;
    sessionId: string | null;
    sealed: Buffer;
    createdAt: Date;
    expiresAt: Date;
  },
): Promise<void> => {
  await tx
    .insertInto('pending_login')
    .values({
      id: pending.id,
      token_hash: pending.tokenHash,
      stage: 'completion',
      browser_hash: pending.browserHash,
      provider: pending.provider,
      purpose: pending.purpose,
      account_id: pending.accountId,
      session_id: pending.sessionId,
      sealed: pending.sealed,
      created_at: pending.createdAt,
      expires_at: pending.expiresAt,
    })
    .execute();
};

export type PendingKey = {
  readonly tokenHash: string;
  /** Of the cookies that the browser sent. */
  readonly browserHashes: readonly string[];
  readonly stage: PendingStage;
  readonly purpose: LoginPurpose;
  readonly owner: FlowOwner;
  readonly now: Date;
};

/** Uses it up, in the statement that finds it; of two requests exactly one gets it. */
export const takePending = async (tx: Transaction, key: PendingKey) => {
  if (key.browserHashes.length === 0) return undefined;
  return tx
    .deleteFrom('pending_login')
    .where('token_hash', '=', key.tokenHash)
    .where('browser_hash', 'in', key.browserHashes)
    .where('stage', '=', key.stage)
    .where('purpose', '=', key.purpose)
    .where('account_id', key.owner ? '=' : 'is', key.owner?.accountId ?? null)
    .where('session_id', key.owner ? '=' : 'is', key.owner?.sessionId ?? null)
    .where('expires_at', '>', key.now)
    .returning(['id', 'provider', 'browser_hash as browserHash', 'sealed', 'created_at as createdAt'])
    .executeTakeFirst();
};

/** The id of a binding, for codes that are to work for it alone. */
export const findBinding = async (
  db: Kysely<IdentitySchema>,
  { tokenHash, browserHashes, now }: Pick<PendingKey, 'tokenHash' | 'browserHashes' | 'now'>,
): Promise<string | undefined> => {
  if (browserHashes.length === 0) return undefined;
  const row = await db
    .selectFrom('pending_login')
    .select('id')
    .where('token_hash', '=', tokenHash)
    .where('browser_hash', 'in', browserHashes)
    .where('stage', '=', 'binding')
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row?.id;
};

/** Puts a proven person whom nobody knows into the wait for a phone, under a new token. */
export const insertBinding = async (
  tx: Transaction,
  binding: {
    id: string;
    tokenHash: string;
    browserHash: string;
    provider: FederatedLogin;
    sealed: Buffer;
    createdAt: Date;
    expiresAt: Date;
  },
): Promise<void> => {
  const { tokenHash, browserHash, createdAt, expiresAt, ...rest } = binding;
  await tx
    .insertInto('pending_login')
    .values({
      ...rest,
      token_hash: tokenHash,
      stage: 'binding',
      browser_hash: browserHash,
      purpose: 'sign_in',
      account_id: null,
      session_id: null,
      created_at: createdAt,
      expires_at: expiresAt,
    })
    .execute();
};

/** Whatever of the account is under way at providers, or was offered and not taken over: dies with every change of who may come in. */
export const dropUnconfirmed = async (tx: Transaction, accountId: string): Promise<void> => {
  await tx.deleteFrom('login_flow').where('account_id', '=', accountId).execute();
  await tx.deleteFrom('pending_login').where('account_id', '=', accountId).execute();
  await tx.deleteFrom('offered_email').where('account_id', '=', accountId).execute();
};

export const deleteOldFlows = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  await db.deleteFrom('login_flow').where('expires_at', '<', now).execute();
  await db.deleteFrom('pending_login').where('expires_at', '<', now).execute();
  await db.deleteFrom('offered_email').where('expires_at', '<', now).execute();
};
