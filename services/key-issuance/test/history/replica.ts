// A replica of this service in this process: the real use cases on a connection pool of its own.

import type { Database } from '@meridian/kit/db/database.ts';
import { publish } from '@meridian/kit/events/publish.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Kysely } from 'kysely';
import type { Schema } from '../../src/db/schema.ts';
import { fenceKeys } from '../../src/gates/fence-keys.ts';
import { liftProtection, protectAccount } from '../../src/gates/protect-account.ts';
import { coalesce } from '../../src/keys/coalesce.ts';
import { createKey } from '../../src/keys/create-key.ts';
import type { KeyFacts } from '../../src/keys/key.ts';
import { findFacts } from '../../src/keys/key-facts.store.ts';
import { revokeKey } from '../../src/keys/revoke-key.ts';
import { rotateKey } from '../../src/keys/rotate-key.ts';
import { type VerifyDeps, verifyKey } from '../../src/keys/verify-key.ts';
import type { Key, Replica } from './run-history.ts';

export const region = 'cn';
export const now = () => new Date();
const peppers = { current: 1, secretOf: () => 'a-pepper-of-this-test' };
const baseUrls = { payg: 'https://model.example/v1', plan: null };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const deps = {
  region,
  now,
  publish: ((tx, event, message) =>
    publish(tx, { service: 'key-issuance', region, now }, event, message)) as Parameters<
    typeof revokeKey
  >[1]['publish'],
};
const unlimited = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };
const unbound = { project: 'p', expiresAt: null, models: null, endpoints: null, networks: null, limits: unlimited };
export const creating = { ...deps, peppers, maxKeysPerAccount: 50, baseUrls };

export type FactsOf = (digest: Buffer) => Promise<KeyFacts | undefined>;
type Facts = ReadonlyMap<string, KeyFacts>;

/** What a planted bug may do to a replica. */
export type Bug = {
  readonly wrap?: (read: FactsOf) => FactsOf;
  /** Age of the snapshot that is read: what a standby behind its primary answers from. */
  readonly lagMs?: number;
};

/** Reads from a snapshot that is up to `lagMs` old: a transaction that stays open that long. */
const readLagging = (db: Kysely<Schema>, lagMs: number) => {
  const openSnapshot = () => db.startTransaction().setIsolationLevel('repeatable read').execute();
  let snapshot: { readonly tx: Awaited<ReturnType<typeof openSnapshot>>; readonly until: number } | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  const read = async (digests: readonly Buffer[]): Promise<Facts> => {
    if (snapshot !== undefined && snapshot.until < performance.now()) {
      await snapshot.tx.rollback().execute();
      snapshot = undefined;
    }
    if (snapshot === undefined) {
      snapshot = { tx: await openSnapshot(), until: performance.now() + lagMs };
      // One that nobody reads any more is closed.
      setTimeout(() => void inTurn(close), lagMs + 5).unref();
    }
    return findFacts(snapshot.tx, digests, now());
  };
  const close = async () => {
    if (snapshot === undefined || snapshot.until >= performance.now()) return;
    await snapshot.tx.rollback().execute();
    snapshot = undefined;
  };
  // One connection: one statement at a time.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };
  return (digests: readonly Buffer[]) => inTurn(() => read(digests));
};

/** What a verification needs, over a queue of its own. */
export const askedOf = (db: Database<Schema>, { wrap = (read) => read, lagMs }: Bug = {}): VerifyDeps => {
  const found =
    lagMs === undefined
      ? (digests: readonly Buffer[]) => findFacts(db.read, digests, now())
      : readLagging(db.read, lagMs);
  // The answer travels for a while after the snapshot was taken: that is where a careless sharing of answers shows.
  const read = async (digests: readonly Buffer[]): Promise<Facts> => {
    const facts = await found(digests);
    await pause(1);
    return facts;
  };
  return {
    region,
    now,
    peppers,
    baseUrlOf: () => baseUrls.payg,
    appealUrl: 'https://appeal.example',
    factsOf: wrap(coalesce({ read, maxBatch: 64, maxInFlight: 2, maxWaiting: 1_000, deadlineMs: 20_000 })),
    accountModelLimits: { of: new Map(), others: unlimited },
    takeRates: () => Promise.reject(new Error('nothing here has limits')),
    garbageLeaves: async () => undefined,
    failed: () => undefined,
    used: () => undefined,
  };
};

/** What moderation's events do: there is no call for it. */
export const protectionsOf = (db: Database<Schema>): Pick<Replica, 'protect' | 'lift'> => ({
  protect: async ({ accountId }, protectionId) => {
    const protection = { protectionId, caseId: newId('cas', region, now()), until: new Date(Date.now() + 3_600_000) };
    await db.transaction((tx) => protectAccount(tx, deps, { accountId, ...protection }));
  },
  lift: async ({ accountId }, protectionId) =>
    void (await db.transaction((tx) => liftProtection(tx, deps, { accountId, protectionId }))),
});

export const replicaOf = (db: Database<Schema>, bug: Bug = {}): Replica => {
  const asked = askedOf(db, bug);
  return {
    verify: async (secret) => (await verifyKey(asked, { key: secret, product: 'payg' })).valid,
    revoke: async (key) => void (await db.transaction((tx) => revokeKey(tx, deps, key))),
    rotate: async ({ accountId, keyId }) => {
      const rotated = await db.transaction((tx) => rotateKey(tx, creating, { accountId, keyId, graceSeconds: 0 }));
      return rotated.body.secret;
    },
    cancel: async ({ accountId }) =>
      void (await db.transaction((tx) => fenceKeys(tx, deps, { accountId, sagaId: newId('sag', region, now()) }))),
    ...protectionsOf(db),
  };
};

/** `keysEach` new keys for each of `accounts` new accounts. */
export const makeKeys = async (db: Database<Schema>, accounts: number, keysEach: number): Promise<Key[]> => {
  const make = (accountId: string) =>
    db.transaction(async (tx) => {
      const keys: Key[] = [];
      for (let i = 0; i < keysEach; i += 1) {
        const { body } = await createKey(tx, creating, { ...unbound, accountId, name: 'k', product: 'payg' });
        keys.push({ accountId, keyId: body.key.keyId, secret: body.secret });
      }
      return keys;
    });
  const ids = Array.from({ length: accounts }, () => newId('acc', region, now()));
  const keys: Key[] = [];
  // As many at a time as the pool has connections.
  while (ids.length > 0) keys.push(...(await Promise.all(ids.splice(0, 6).map(make))).flat());
  return keys;
};
