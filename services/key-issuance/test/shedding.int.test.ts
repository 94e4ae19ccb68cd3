// More callers than may wait, over HTTP.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import type { TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import type { Schema } from '../src/db/schema.ts';
import { coalesce } from '../src/keys/coalesce.ts';
import type { KeyFacts } from '../src/keys/key.ts';
import { findFacts } from '../src/keys/key-facts.store.ts';
import { keyDatabase, silent } from './harness.ts';
import { startHttpReplica } from './history/http-replica.ts';
import { makeKeys, now } from './history/replica.ts';

let database: TestDatabase;
let db: Database<Schema>;
beforeAll(async () => {
  database = await keyDatabase();
  db = createDatabase<Schema>({ url: database.url, poolSize: 4, log: silent, applicationName: 'shedding' });
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});

test('beyond the bound the answer is 503 with Retry-After, also for one hot key; who waits is served', async () => {
  const [key] = await makeKeys(db, 1, 1);
  const released = Promise.withResolvers<void>();
  let reads = 0;
  const shed: unknown[] = [];
  const factsOf = coalesce<KeyFacts>({
    read: async (digests) => {
      reads += 1;
      await released.promise;
      return findFacts(db.read, digests, now());
    },
    maxBatch: 64,
    maxInFlight: 1,
    maxWaiting: 3,
    deadlineMs: 20_000,
  });
  let asked = 0;
  const counted = (digest: Buffer) => {
    const answer = factsOf(digest);
    asked += 1;
    return answer;
  };
  const replica = await startHttpReplica({ db, asked: { factsOf: counted, failed: (error) => shed.push(error) } });
  const verify = () =>
    fetch(`${replica.internalUrl}/internal/v1/keys/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer gateway' },
      body: JSON.stringify({ key: key!.secret, product: 'payg', model: null }),
    });
  try {
    const first = verify();
    while (reads === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    // One after the other: whether a question waits or is shed is settled when it is asked.
    const answers: Promise<Response>[] = [];
    for (let i = 0; i < 5; i += 1) {
      answers.push(verify());
      while (asked < i + 2) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const [waiting, refused] = [answers.slice(0, 3), answers.slice(3)];
    // These answer while the statement is held.
    for (const response of await Promise.all(refused)) {
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await response.json()).toMatchObject({ code: 'unavailable', status: 503 });
    }
    expect(shed).toMatchObject([{ code: 'overloaded' }, { code: 'overloaded' }]);
    released.resolve();
    for (const response of await Promise.all([first, ...waiting]))
      expect(await response.json()).toMatchObject({ valid: true });
    // The one under way, and one for all who waited.
    expect(reads).toBe(2);
  } finally {
    released.resolve();
    await replica.stop();
  }
});
