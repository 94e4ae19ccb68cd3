// The keys as this replica uses them: read from the table, kept for half a minute.
import type { KeyObject } from 'node:crypto';
import type { Database } from '@meridian/kit/db/database.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { errors, importJWK, type JWK, type JWTVerifyGetKey } from 'jose';
import type { IdentitySchema } from '../db/schema.ts';
import { openCurrentKey, publishedKeys } from './signing-key.store.ts';

/** A rotation reaches every replica within this time; retired keys stay published far longer. */
const keptMs = 30_000;
/** Unknown key ids make the ring look again at most this often: a flood of forged tokens must not become a flood of queries. */
const coolDownMs = 1_000;

export type SigningKey = { readonly kid: string; readonly privateKey: KeyObject };
export type KeyRing = {
  readonly signingKey: () => Promise<SigningKey>;
  /** Public keys of all states, straight from the table (RFC 7517). */
  readonly jwks: () => Promise<(JWK & { kty: string; kid: string })[]>;
  /** Resolver for jose. */
  readonly resolve: JWTVerifyGetKey;
};

type Held = { readonly readAt: number; readonly signing: SigningKey; readonly byKid: ReadonlyMap<string, JWK> };

export const createKeyRing = ({
  db,
  now,
  signingKeySeal,
}: {
  db: Database<IdentitySchema>;
  now: Now;
  signingKeySeal: Buffer;
}): KeyRing => {
  let held: Promise<Held> | undefined;

  const read = async (): Promise<Held> => {
    const [signing, published] = await Promise.all([
      openCurrentKey(db.read, signingKeySeal),
      publishedKeys(db.read),
    ]).catch((cause: unknown) => {
      // No verdict on the token that is being verified: what verifies it cannot be read.
      throw Object.assign(new Error('the signing keys cannot be read', { cause }), { code: 'unreachable' });
    });
    return { readAt: now().getTime(), signing, byKid: new Map(published.map(({ kid, jwk }) => [kid, jwk])) };
  };
  const noOlderThan = async (ms: number): Promise<Held> => {
    const before = held;
    const known = await before;
    if (known !== undefined && now().getTime() - known.readAt < ms) return known;
    // Whoever comes first reads; the others wait for the same answer. A failure is not kept.
    if (held === before) {
      held = read();
      held.catch(() => {
        held = undefined;
      });
    }
    return held ?? noOlderThan(ms);
  };

  return {
    signingKey: async () => (await noOlderThan(keptMs)).signing,
    jwks: async () => (await publishedKeys(db.read)).map(({ kid, jwk }) => ({ ...jwk, kty: jwk.kty ?? 'EC', kid })),
    resolve: async ({ kid }) => {
      const find = (from: Held) => from.byKid.get(kid ?? '');
      const jwk = find(await noOlderThan(keptMs)) ?? find(await noOlderThan(coolDownMs));
      if (jwk === undefined) throw new errors.JWKSNoMatchingKey();
      return importJWK(jwk, 'ES256');
    },
  };
};
