// SQL of keys.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { TimePlace } from '@meridian/kit/http/page.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { Uses } from './last-used.ts';

export type KeyRow = Selectable<Schema['api_key']>;

/** Counts the active keys of an account that nobody else may add to before this transaction ends. */
export const countActiveForUpdate = async (tx: Tx<Schema>, accountId: string, now: Date): Promise<number> => {
  // The row of the gate is the account's turnstile; the count below gets a snapshot taken after the lock.
  await sql`insert into account_gate (account_id) values (${accountId})
    on conflict (account_id) do update set account_id = excluded.account_id`.execute(tx);
  return countActive(tx, accountId, now);
};

export const countActive = async (db: Tx<Schema> | Kysely<Schema>, accountId: string, now: Date): Promise<number> => {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from api_key
    where account_id = ${accountId} and revoked_at is null and (expires_at is null or expires_at > ${now})`.execute(db);
  return Number(rows[0]?.count ?? 0);
};

export const insertKey = async (tx: Tx<Schema>, row: KeyRow): Promise<void> => {
  await tx.insertInto('api_key').values(row).execute();
};

/** The key as it is once nobody else can change it before this transaction ends. */
export const findKeyForUpdate = (tx: Tx<Schema>, accountId: string, keyId: string): Promise<KeyRow | undefined> =>
  tx
    .selectFrom('api_key')
    .selectAll()
    .where('key_id', '=', keyId)
    .where('account_id', '=', accountId)
    .forUpdate()
    .executeTakeFirst();

export type KeyChanges = Partial<
  Omit<KeyRow, 'key_id' | 'account_id' | 'product' | 'kind' | 'created_at' | 'last_used_at' | 'erased_at'>
>;

export const changeKey = (tx: Tx<Schema>, keyId: string, changes: KeyChanges): Promise<KeyRow> =>
  tx.updateTable('api_key').set(changes).where('key_id', '=', keyId).returningAll().executeTakeFirstOrThrow();

/** Revokes every active key, of one project if it is named; answers their ids. */
export const markAllRevoked = async (
  tx: Tx<Schema>,
  accountId: string,
  project: string | undefined,
  now: Date,
): Promise<string[]> => {
  const query = tx
    .updateTable('api_key')
    .set({ revoked_at: now })
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null);
  const rows = await (project === undefined ? query : query.where('project', '=', project))
    .returning('key_id')
    .execute();
  return rows.map((row) => row.key_id);
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

export const findKey = (
  tx: Tx<Schema> | Kysely<Schema>,
  accountId: string,
  keyId: string,
): Promise<KeyRow | undefined> =>
  tx
    .selectFrom('api_key')
    .selectAll()
    .where('key_id', '=', keyId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();

/** Up to `limit` keys after `after`, newest first. */
export const listKeys = (
  db: Kysely<Schema>,
  { accountId, project }: { accountId: string; project?: string | undefined },
  after: TimePlace | undefined,
  limit: number,
): Promise<KeyRow[]> => {
  let query = db.selectFrom('api_key').selectAll().where('account_id', '=', accountId);
  if (project !== undefined) query = query.where('project', '=', project);
  if (after) query = query.where(sql<boolean>`(created_at, key_id) < (${after.at}, ${after.id})`);
  return query.orderBy('created_at', 'desc').orderBy('key_id', 'desc').limit(limit).execute();
};

export const listProjects = async (
  db: Kysely<Schema>,
  accountId: string,
  now: Date,
  limit: number,
): Promise<{ name: string; activeKeys: number }[]> => {
  const { rows } = await sql<{ project: string; active: bigint }>`
    select project, count(*) filter (where revoked_at is null and (expires_at is null or expires_at > ${now})) as active
    from api_key where account_id = ${accountId} group by project order by project limit ${limit}`.execute(db);
  return rows.map(({ project, active }) => ({ name: project, activeKeys: Number(active) }));
};

/** Writes when keys were last used; never back in time. Rows are locked by id, the same on every replica. */
export const writeLastUsed = async (db: Kysely<Schema>, uses: Uses): Promise<void> => {
  await sql`
    with held as (
      select k.key_id, u.at
      from api_key k
      join unnest(${uses.map(([keyId]) => keyId)}::text[], ${uses.map(([, at]) => at)}::timestamptz[]) as u (key_id, at)
        on u.key_id = k.key_id
      where k.erased_at is null and (k.last_used_at is null or k.last_used_at < u.at)
      order by k.key_id for no key update of k
    )
    update api_key k set last_used_at = greatest(k.last_used_at, held.at) from held where k.key_id = held.key_id`.execute(
    db,
  );
};

/** Takes everything of the owner out of the account's keys. What stays, the digest, can only say that the key is dead. */
export const eraseKeys = async (tx: Tx<Schema>, accountId: string, now: Date): Promise<number> => {
  const result = await tx
    .updateTable('api_key')
    .set({
      account_id: null,
      name: null,
      project: null,
      display: null,
      models: null,
      endpoints: null,
      networks: null,
      last_used_at: null,
      erased_at: now,
    })
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
};
