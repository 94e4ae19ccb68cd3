// SQL of keys.
import type { KeyProduct } from '@meridian/contracts/key-issuance.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { TimePlace } from '@meridian/kit/http/page.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { KeyFacts } from './key.ts';

export type KeyRow = Selectable<Schema['api_key']>;

type FactsRow = {
  digest: Buffer;
  key_id: string;
  account_id: string | null;
  product: KeyProduct;
  revoked_at: Date | null;
  cancelled_at: Date | null;
  exhausted_at: Date | null;
  case_id: string | null;
  until: Date | null;
};

/** Keys and the gates of their accounts in one statement, so that all of it is of one moment. By digest in hex. */
export const findFacts = async (
  db: Kysely<Schema>,
  digests: readonly Buffer[],
  now: Date,
): Promise<Map<string, KeyFacts>> => {
  const { rows } = await sql<FactsRow>`
    select k.digest, k.key_id, k.account_id, k.product, k.revoked_at, g.cancelled_at, g.exhausted_at, p.case_id, p.until
    from api_key k
    left join account_gate g on g.account_id = k.account_id
    left join lateral (
      select case_id, until from account_protection
      where account_id = k.account_id and lifted_at is null and until > ${now} order by until desc limit 1
    ) p on true
    where k.digest = any(${[...digests]}::bytea[])`.execute(db);
  return new Map(
    rows.map((row) => [
      row.digest.toString('hex'),
      {
        keyId: row.key_id,
        accountId: row.account_id,
        product: row.product,
        revokedAt: row.revoked_at,
        cancelledAt: row.cancelled_at,
        exhaustedAt: row.exhausted_at,
        protection: row.case_id !== null && row.until !== null ? { caseId: row.case_id, until: row.until } : null,
      },
    ]),
  );
};

/** Counts the active keys of an account that nobody else may add to before this transaction ends. */
export const countActiveForUpdate = async (tx: Tx<Schema>, accountId: string): Promise<number> => {
  // The row of the gate is the account's turnstile; the count below gets a snapshot taken after the lock.
  await sql`insert into account_gate (account_id) values (${accountId})
    on conflict (account_id) do update set account_id = excluded.account_id`.execute(tx);
  return countActive(tx, accountId);
};

export const countActive = async (db: Tx<Schema> | Kysely<Schema>, accountId: string): Promise<number> => {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from api_key where account_id = ${accountId} and revoked_at is null`.execute(db);
  return Number(rows[0]?.count ?? 0);
};

export const insertKey = async (tx: Tx<Schema>, row: KeyRow): Promise<void> => {
  await tx.insertInto('api_key').values(row).execute();
};

/** Marks the key revoked; undefined when the account has no such active key. */
export const markRevoked = (tx: Tx<Schema>, accountId: string, keyId: string, now: Date): Promise<KeyRow | undefined> =>
  tx
    .updateTable('api_key')
    .set({ revoked_at: now })
    .where('key_id', '=', keyId)
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();

export const findKey = (tx: Tx<Schema>, accountId: string, keyId: string): Promise<KeyRow | undefined> =>
  tx
    .selectFrom('api_key')
    .selectAll()
    .where('key_id', '=', keyId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();

/** Up to `limit` keys after `after`, newest first. */
export const listKeys = (
  db: Kysely<Schema>,
  accountId: string,
  after: TimePlace | undefined,
  limit: number,
): Promise<KeyRow[]> => {
  const query = db.selectFrom('api_key').selectAll().where('account_id', '=', accountId);
  const page = after ? query.where(sql<boolean>`(created_at, key_id) < (${after.at}, ${after.id})`) : query;
  return page.orderBy('created_at', 'desc').orderBy('key_id', 'desc').limit(limit).execute();
};

/** Writes when keys were last used; never back in time. */
export const writeLastUsed = async (db: Kysely<Schema>, uses: ReadonlyMap<string, Date>): Promise<void> => {
  await sql`
    update api_key k set last_used_at = greatest(k.last_used_at, u.at)
    from unnest(${[...uses.keys()]}::text[], ${[...uses.values()]}::timestamptz[]) as u(key_id, at)
    where k.key_id = u.key_id and k.erased_at is null`.execute(db);
};

/** Takes everything of the owner out of the account's keys. What stays, the digest, can only say that the key is dead. */
export const eraseKeys = async (tx: Tx<Schema>, accountId: string, now: Date): Promise<number> => {
  const result = await tx
    .updateTable('api_key')
    .set({ account_id: null, name: null, display: null, last_used_at: null, erased_at: now })
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
};
