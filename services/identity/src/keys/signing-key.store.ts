// SQL of signing keys. Private halves are sealed; only this file sees both.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Tx } from '@meridian/kit/db/database.ts';
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose';
import { type Kysely, sql } from 'kysely';
import { open, seal } from '../crypto/seal.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { KeyAge, KeyState } from './signing-key.ts';

type Transaction = Tx<IdentitySchema>;
export type PublishedKey = { readonly kid: string; readonly state: KeyState; readonly jwk: JWK };

/** One rotation at a time, over all replicas; ends with the transaction. */
export const lockKeys = async (tx: Transaction): Promise<void> => {
  await sql`select pg_advisory_xact_lock(hashtextextended('signing keys', 20261123))`.execute(tx);
};

export const keyAges = (tx: Transaction): Promise<KeyAge[]> =>
  tx
    .selectFrom('signing_key')
    .select(['kid', 'state', 'activated_at as activatedAt', 'retired_at as retiredAt'])
    .execute();

/** Draws an ES256 key whose `kid` is its RFC 7638 thumbprint. */
export const insertKey = async (
  tx: Transaction,
  sealingKey: Buffer,
  state: 'next' | 'current',
  now: Date,
): Promise<void> => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  await tx
    .insertInto('signing_key')
    .values({
      kid,
      state,
      public_jwk: JSON.stringify({ ...jwk, kid, alg: 'ES256', use: 'sig' }),
      sealed: seal(sealingKey, kid, privateKey.export({ type: 'pkcs8', format: 'der' })),
      created_at: now,
      activated_at: state === 'current' ? now : null,
      retired_at: null,
    })
    .execute();
};

/** Moves every key one state on; the caller holds the lock and draws the new next. */
export const moveKeysOn = async (tx: Transaction, now: Date): Promise<void> => {
  await tx
    .updateTable('signing_key')
    .set({ state: 'previous', retired_at: now })
    .where('state', '=', 'current')
    .execute();
  await tx
    .updateTable('signing_key')
    .set({ state: 'current', activated_at: now })
    .where('state', '=', 'next')
    .execute();
};

export const deleteKeys = async (tx: Transaction, kids: readonly string[]): Promise<void> => {
  if (kids.length > 0)
    await tx.deleteFrom('signing_key').where('kid', 'in', kids).where('state', '=', 'previous').execute();
};

export const publishedKeys = async (db: Kysely<IdentitySchema>): Promise<PublishedKey[]> =>
  db.selectFrom('signing_key').select(['kid', 'state', 'public_jwk as jwk']).orderBy('created_at', 'desc').execute();

export const openCurrentKey = async (
  db: Kysely<IdentitySchema>,
  sealingKey: Buffer,
): Promise<{ kid: string; privateKey: KeyObject }> => {
  const row = await db
    .selectFrom('signing_key')
    .select(['kid', 'sealed'])
    .where('state', '=', 'current')
    .executeTakeFirstOrThrow();
  return {
    kid: row.kid,
    privateKey: createPrivateKey({ key: open(sealingKey, row.kid, row.sealed), type: 'pkcs8', format: 'der' }),
  };
};
