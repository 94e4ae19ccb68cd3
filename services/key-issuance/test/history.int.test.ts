// The promise of this service, checked on random histories over two replicas: no verification that starts after a revocation or a fence was
// acknowledged says valid. The checker itself is tried on three planted bugs.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { publish } from '@meridian/kit/events/publish.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import type { Schema } from '../src/db/schema.ts';
import { fenceKeys } from '../src/gates/fence-keys.ts';
import { coalesce } from '../src/keys/coalesce.ts';
import { createKey } from '../src/keys/create-key.ts';
import type { KeyFacts } from '../src/keys/key.ts';
import { findFacts } from '../src/keys/key-facts.store.ts';
import { revokeKey } from '../src/keys/revoke-key.ts';
import { verifyKey } from '../src/keys/verify-key.ts';
import { keyDatabase, silent } from './harness.ts';

const region = 'cn';
const now = () => new Date();
const peppers = { current: 1, secretOf: () => 'a-pepper-of-this-test' };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let database: TestDatabase;
let replicas: Database<Schema>[];
beforeAll(async () => {
  database = await keyDatabase();
  replicas = [1, 2].map((n) =>
    createDatabase<Schema>({ url: database.url, poolSize: 6, log: silent, applicationName: `replica ${n}` }),
  );
});
afterAll(async () => {
  await Promise.all((replicas ?? []).map((replica) => replica.close()));
  await database?.drop();
});

const deps = {
  region,
  now,
  publish: ((tx, event, message) =>
    publish(tx, { service: 'key-issuance', region, now }, event, message)) as Parameters<
    typeof revokeKey
  >[1]['publish'],
};
const unlimited = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };
const unbound = { project: 'p', expiresAt: null, models: null, endpoints: null, networks: null, limits: unlimited };
type Key = { accountId: string; keyId: string; secret: string };
type Replica = {
  verify: (key: Key) => Promise<boolean>;
  revoke: (key: Key) => Promise<void>;
  fence: (key: Key) => Promise<void>;
};
type FactsOf = (digest: Buffer) => Promise<KeyFacts | undefined>;

const replicaOf = (db: Database<Schema>, wrap: (read: FactsOf) => FactsOf = (read) => read): Replica => {
  // The answer travels for a while after the snapshot was taken: that is where a careless sharing of answers shows.
  const read = async (digests: readonly Buffer[]) => {
    const facts = await findFacts(db.read, digests, now());
    await pause(2);
    return facts;
  };
  const factsOf = wrap(coalesce({ read, maxBatch: 64, maxInFlight: 2, maxWaiting: 1_000, deadlineMs: 5_000 }));
  const asked = {
    region,
    now,
    log: silent,
    peppers,
    baseUrlOf: () => 'https://model.example/v1',
    appealUrl: 'https://appeal.example',
    factsOf,
    accountModelLimits: { of: new Map(), others: unlimited },
    takeRates: () => Promise.reject(new Error('nothing here has limits')),
    used: () => undefined,
  };
  return {
    verify: async ({ secret }) => (await verifyKey(asked, { key: secret, product: 'payg' })).valid,
    revoke: async (key) => void (await db.transaction((tx) => revokeKey(tx, deps, key))),
    fence: async ({ accountId }) =>
      void (await db.transaction((tx) => fenceKeys(tx, deps, { accountId, sagaId: newId('sag', region, now()) }))),
  };
};

const makeKeys = async (accounts: number, keysEach: number): Promise<Key[]> => {
  const made: Key[] = [];
  for (let i = 0; i < accounts; i += 1) {
    const accountId = newId('acc', region, now());
    await replicas[0]!.transaction(async (tx) => {
      for (let k = 0; k < keysEach; k += 1) {
        const command = { accountId, name: 'k', product: 'payg' as const, ...unbound };
        const { body } = await createKey(
          tx,
          { ...deps, peppers, maxKeysPerAccount: 50, baseUrl: 'https://model.example/v1' },
          command,
        );
        made.push({ accountId, keyId: body.key.keyId, secret: body.secret });
      }
    });
  }
  return made;
};

/** Random calls by 24 workers; answers how many there were and how many verifications said valid that must not have. */
const runHistory = async (system: Replica[], calls: number) => {
  const keys = await makeKeys(Math.ceil(calls / 25), 4);
  const dead = new Map<string, number>();
  const outcome = { calls: 0, violations: 0, accepted: 0, refused: 0 };
  const any = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)]!;
  const verify = async (key: Key) => {
    const startedAt = performance.now();
    const endedAt = Math.min(dead.get(key.keyId) ?? Infinity, dead.get(key.accountId) ?? Infinity);
    const valid = await any(system).verify(key);
    outcome.calls += 1;
    outcome[valid ? 'accepted' : 'refused'] += 1;
    if (valid && endedAt < startedAt) outcome.violations += 1;
  };
  const end = async (key: Key) => {
    const fence = Math.random() < 0.3;
    const id = fence ? key.accountId : key.keyId;
    if (dead.has(id) || dead.has(key.accountId)) return;
    await any(system)
      [fence ? 'fence' : 'revoke'](key)
      .catch((error) => {
        // Another worker fenced the account meanwhile.
        if (error.code !== 'account_cancelled') throw error;
      });
    outcome.calls += 1;
    dead.set(id, performance.now());
    await Promise.all([verify(key), verify(key)]);
  };
  const worker = async () => {
    while (outcome.calls < calls) await (Math.random() < 0.2 ? end : verify)(any(keys));
  };
  await Promise.all(Array.from({ length: 24 }, worker));
  return outcome;
};

describe('after an acknowledgement', () => {
  test('no key is accepted, in 5,000 random calls over two replicas', async () => {
    const outcome = await runHistory(
      replicas.map((db) => replicaOf(db)),
      5_000,
    );
    expect(outcome.violations).toBe(0);
    expect(outcome.accepted).toBeGreaterThan(500);
    expect(outcome.refused).toBeGreaterThan(500);
  }, 120_000);
});

describe('the checker notices', () => {
  const planted: Record<string, (db: Database<Schema>) => Replica> = {
    'an acknowledgement before the commit': (db) => {
      const replica = replicaOf(db);
      const early = (work: (key: Key) => Promise<void>) => async (key: Key) => {
        // The bug is that nobody waits; a refusal of a fenced account is no news here.
        void pause(5)
          .then(() => work(key))
          .catch(() => undefined);
      };
      return { ...replica, revoke: early(replica.revoke), fence: early(replica.fence) };
    },
    'a cache of one second': (db) =>
      replicaOf(db, (read) => {
        const cache = new Map<string, { facts: KeyFacts | undefined; at: number }>();
        return async (digest) => {
          const hex = digest.toString('hex');
          const kept = cache.get(hex);
          if (kept && performance.now() - kept.at < 1_000) return kept.facts;
          const facts = await read(digest);
          cache.set(hex, { facts, at: performance.now() });
          return facts;
        };
      }),
    'joining a statement that is already sent': (db) =>
      replicaOf(db, (read) => {
        const inFlight = new Map<string, Promise<KeyFacts | undefined>>();
        return (digest) => {
          const hex = digest.toString('hex');
          const running = inFlight.get(hex) ?? read(digest).finally(() => inFlight.delete(hex));
          inFlight.set(hex, running);
          return running;
        };
      }),
  };

  test.each(Object.keys(planted))(
    '%s',
    async (bug) => {
      let violations = 0;
      for (let round = 0; round < 5 && violations === 0; round += 1)
        ({ violations } = await runHistory(
          replicas.map((db) => planted[bug]!(db)),
          1_500,
        ));
      expect(violations).toBeGreaterThan(0);
      await pause(200);
    },
    120_000,
  );
});
