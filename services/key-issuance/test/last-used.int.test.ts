// When a key was last used: noted by whoever verified it, seen by its owner, and in nobody's way.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createKey, getKey, verifyKey } from '@meridian/contracts/key-issuance.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import pg from 'pg';
import type { Schema } from '../src/db/schema.ts';
import { writeLastUsed } from '../src/keys/key.store.ts';
import { type Harness, silent, startHarness } from './harness.ts';

let service: Harness;
let admin: pg.Client;
beforeAll(async () => {
  service = await startHarness();
  admin = new pg.Client({ connectionString: service.databaseUrl });
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await service?.stop();
});

const newKey = async (accountId = service.newAccount(), name = 'k') => {
  const { body } = await service.asUser(accountId, createKey, {
    body: { name, product: 'payg' },
    idempotencyKey: `idem-${accountId}-${name}`,
  });
  return { accountId, keyId: body.key.keyId, secret: body.secret };
};
type Key = Awaited<ReturnType<typeof newKey>>;
const lastUsedAt = async ({ accountId, keyId }: Key) =>
  (await service.asUser(accountId, getKey, { params: { keyId } })).body.lastUsedAt;
/** Verifies on a replica whose clock says `now`, and stops it. */
const useAt = async (now: Date, ...secrets: string[]) => {
  const replica = await startHarness({ databaseUrl: service.databaseUrl, overrides: { now: () => now } });
  try {
    for (const key of secrets)
      await replica.asService('gateway', verifyKey, { body: { key, product: 'payg', model: null } });
  } finally {
    await replica.stop();
  }
};

test('a replica that stops writes what it gathered; the owner sees it, and it never goes back', async () => {
  const [key, unused] = [await newKey(), await newKey()];
  expect(await lastUsedAt(key)).toBeNull();
  const now = new Date();
  await useAt(now, key.secret, `${unused.secret.slice(0, -1)}${unused.secret.endsWith('0') ? '1' : '0'}`);
  expect(await lastUsedAt(key)).toBe(now.toISOString());
  expect(await lastUsedAt(unused)).toBeNull();
  await useAt(new Date(now.getTime() - 60_000), key.secret);
  expect(await lastUsedAt(key)).toBe(now.toISOString());
});

test('two replicas that write the same keys in opposite orders do not wait for each other in a ring', async () => {
  const accountId = service.newAccount();
  const keys: Key[] = [];
  for (let i = 0; i < 5; i += 1) keys.push(await newKey(accountId, `k${i}`));
  // As PostgreSQL does it in a table of many keys: key by key, in the order that they are given in.
  const plan = ['seqscan', 'hashjoin', 'mergejoin'].map((way) => `-c enable_${way}=off`).join(' ');
  const url = `${service.databaseUrl}${service.databaseUrl.includes('?') ? '&' : '?'}options=${encodeURIComponent(plan)}`;
  const replicas = ['one', 'two'].map((name) =>
    createDatabase<Schema>({ url, poolSize: 1, log: silent, applicationName: `writer ${name}` }),
  );
  const holder = new pg.Client({ connectionString: service.databaseUrl });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query('select from api_key where key_id = $1 for update', [keys[2]!.keyId]);
    const uses = (seconds: number) => keys.map(({ keyId }) => [keyId, new Date(seconds * 1_000)] as const);
    // Without the retry that would hide a deadlock.
    const writing = Promise.all([
      writeLastUsed(replicas[0]!.read, uses(1_000)),
      writeLastUsed(replicas[1]!.read, uses(2_000).toReversed()),
    ]);
    await waitFor(async () => {
      const { rows } = await admin.query(
        "select count(*)::int as n from pg_stat_activity where application_name like 'writer %' and wait_event_type = 'Lock'",
      );
      return rows[0].n === 2;
    });
    await holder.query('commit');
    await writing;
    for (const key of keys) expect(await lastUsedAt(key)).toBe(new Date(2_000_000).toISOString());
  } finally {
    await holder.end();
    await Promise.all(replicas.map((replica) => replica.close()));
  }
});
