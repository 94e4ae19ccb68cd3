// SQL of linked logins and their ids.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import type { SubjectId } from '../providers/login-provider.ts';
import type { LoginSecrets } from './login-secrets.ts';

type Transaction = Tx<IdentitySchema>;
type Reader = Kysely<IdentitySchema> | Transaction;

/** Two flows of one person go one after the other; in a fixed order, so that they never wait for each other. */
export const lockSubjects = async (
  tx: Transaction,
  secrets: LoginSecrets,
  ids: readonly SubjectId[],
): Promise<void> => {
  for (const hash of ids.map(secrets.subjectHash).sort())
    await sql`select pg_advisory_xact_lock(hashtextextended(${`login ${hash}`}, 0))`.execute(tx);
};

export type FoundLogin = { readonly loginId: string; readonly accountId: string };

/** Every login that has one of the ids: more than one means that the provider's ids point to different people here. */
export const findLogins = async (db: Reader, secrets: LoginSecrets, ids: readonly SubjectId[]): Promise<FoundLogin[]> =>
  db
    .selectFrom('linked_login_id')
    .innerJoin('linked_login', 'linked_login.id', 'linked_login_id.login_id')
    .select(['linked_login.id as loginId', 'linked_login.account_id as accountId'])
    .distinct()
    .where((e) =>
      e.or(
        ids.map((id) =>
          e.and([
            e('linked_login_id.provider', '=', id.provider),
            e('app', '=', id.app),
            e('kind', '=', id.kind),
            e('subject_hash', '=', secrets.subjectHash(id)),
          ]),
        ),
      ),
    )
    .execute();

export const insertLogin = async (
  tx: Transaction,
  login: {
    id: string;
    accountId: string;
    provider: FederatedLogin;
    sealedName: Buffer | null;
    sealedRevocation: Buffer | null;
    now: Date;
  },
): Promise<void> => {
  await tx
    .insertInto('linked_login')
    .values({
      id: login.id,
      account_id: login.accountId,
      provider: login.provider,
      linked_at: login.now,
      last_used_at: login.now,
      sealed_name: login.sealedName,
      sealed_revocation: login.sealedRevocation,
      ends_at: null,
    })
    .execute();
};

/** Ids that a provider began to tell later (WeChat's unionid) join those that are there. The caller holds the lock of all of them. */
export const addSubjects = async (
  tx: Transaction,
  secrets: LoginSecrets,
  loginId: string,
  ids: readonly SubjectId[],
): Promise<void> => {
  await tx
    .insertInto('linked_login_id')
    .values(
      ids.map((id) => ({
        provider: id.provider,
        app: id.app,
        kind: id.kind,
        subject_hash: secrets.subjectHash(id),
        login_id: loginId,
      })),
    )
    .onConflict((conflict) => conflict.columns(['provider', 'app', 'kind', 'subject_hash']).doNothing())
    .execute();
};

/** Marks it used; what the provider told anew replaces what is stored. Undefined when it was unlinked meanwhile. */
export const touchLogin = async (
  tx: Transaction,
  loginId: string,
  changes: { now: Date; sealedName?: Buffer; sealedRevocation?: Buffer },
): Promise<boolean> => {
  const result = await tx
    .updateTable('linked_login')
    .set({
      last_used_at: changes.now,
      ...(changes.sealedName && { sealed_name: changes.sealedName }),
      ...(changes.sealedRevocation && { sealed_revocation: changes.sealedRevocation }),
    })
    .where('id', '=', loginId)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
};

export const loginsOf = (db: Reader, accountId: string) =>
  db
    .selectFrom('linked_login')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('linked_at')
    .orderBy('id')
    .limit(100)
    .execute();

export const findLogin = (db: Reader, loginId: string) =>
  db.selectFrom('linked_login').selectAll().where('id', '=', loginId).executeTakeFirst();

export const deleteLoginRow = async (tx: Transaction, loginId: string): Promise<void> => {
  await tx.deleteFrom('linked_login').where('id', '=', loginId).execute();
};

export const setEnds = async (tx: Transaction, loginId: string, endsAt: Date | null): Promise<void> => {
  await tx.updateTable('linked_login').set({ ends_at: endsAt }).where('id', '=', loginId).execute();
};

export const forgetName = async (tx: Transaction, loginId: string): Promise<void> => {
  await tx.updateTable('linked_login').set({ sealed_name: null }).where('id', '=', loginId).execute();
};

export const dueEnds = (db: Reader, now: Date) =>
  db
    .selectFrom('linked_login')
    .select(['id as loginId', 'account_id as accountId'])
    .where('ends_at', '<=', now)
    .orderBy('ends_at')
    .limit(20)
    .execute();
