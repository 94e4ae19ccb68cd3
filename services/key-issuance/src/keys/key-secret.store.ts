// SQL of secrets: the rows a presented key is looked up by, each under the stable id of its key.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { NewKey } from './key-format.ts';

export const insertSecret = async (tx: Tx<Schema>, keyId: string, made: NewKey, now: Date): Promise<void> => {
  await tx
    .insertInto('api_key_secret')
    .values({
      digest: made.digest,
      key_id: keyId,
      pepper_version: made.pepperVersion,
      created_at: now,
      ends_at: null,
      revoked_at: null,
    })
    .execute();
};

/** Secrets of the key that still work. Lock the key before, so that the number stays. */
export const countWorkingSecrets = async (tx: Tx<Schema>, keyId: string, now: Date): Promise<number> => {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from api_key_secret
    where key_id = ${keyId} and revoked_at is null and (ends_at is null or ends_at > ${now})`.execute(tx);
  return Number(rows[0]?.count ?? 0);
};

/** Stops every secret of the key, whatever any clock says. */
export const revokeSecrets = async (tx: Tx<Schema>, keyId: string, now: Date): Promise<void> => {
  await sql`update api_key_secret set revoked_at = ${now} where key_id = ${keyId} and revoked_at is null`.execute(tx);
};

/** Lets every secret of the key end at `end`, or earlier where it was to end earlier. */
export const endSecrets = async (tx: Tx<Schema>, keyId: string, end: Date): Promise<void> => {
  await sql`
    update api_key_secret set ends_at = least(coalesce(ends_at, ${end}::timestamptz), ${end}::timestamptz)
    where key_id = ${keyId} and revoked_at is null`.execute(tx);
};

/** Every version of pepper that a secret was made with, dead ones included: one look-up in an index for each. */
export const pepperVersions = async (db: Kysely<Schema>): Promise<number[]> => {
  const { rows } = await sql<{ version: number }>`
    with recursive versions (version) as (
      select min(pepper_version) from api_key_secret
      union all
      select (select min(pepper_version) from api_key_secret s where s.pepper_version > v.version)
      from versions v where v.version is not null
    )
    select version from versions where version is not null`.execute(db);
  return rows.map(({ version }) => version);
};

/** Keys that still work with a secret of this version of pepper. */
export const countWorkingKeys = async (db: Kysely<Schema>, version: number, now: Date): Promise<number> => {
  const { rows } = await sql<{ count: bigint }>`
    select count(distinct k.key_id) as count from api_key_secret s join api_key k on k.key_id = s.key_id
    where s.pepper_version = ${version} and s.revoked_at is null and (s.ends_at is null or s.ends_at > ${now})
      and k.revoked_at is null and k.account_id is not null and (k.expires_at is null or k.expires_at > ${now})`.execute(
    db,
  );
  return Number(rows[0]?.count ?? 0);
};

/** The key of a secret that still works; undefined for an unknown, ended or erased one. */
export const findOwner = async (
  tx: Tx<Schema>,
  digest: Buffer,
  now: Date,
): Promise<{ keyId: string; accountId: string } | undefined> => {
  const { rows } = await sql<{ key_id: string; account_id: string }>`
    select k.key_id, k.account_id from api_key_secret s join api_key k on k.key_id = s.key_id
    where s.digest = ${digest} and s.revoked_at is null and (s.ends_at is null or s.ends_at > ${now})
      and k.revoked_at is null and k.account_id is not null`.execute(tx);
  const [row] = rows;
  return row && { keyId: row.key_id, accountId: row.account_id };
};
