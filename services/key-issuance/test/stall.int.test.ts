// The database answers in part: counters are locked, or nobody may connect. Nobody gets in unchecked, and what stops keys still works.
import { describe, expect, test } from '@jest/globals';
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import { createKey, revokeKey, verifyKey } from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import { withDatabaseName } from '@meridian/testkit/postgres/test-database.ts';
import pg from 'pg';
import { type Harness, startHarness } from './harness.ts';

const fresh = (prefix: string) => newId(prefix, 'cn', new Date());
const newKey = async (service: Harness, limits: object = {}) => {
  const accountId = service.newAccount();
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg', limits },
    idempotencyKey: fresh('idem'),
  });
  return { accountId, keyId: body.key.keyId, secret: body.secret };
};
const verify = async (service: Harness, secret: string) => {
  const { body } = await service.asService('gateway', verifyKey, {
    body: { key: secret, product: 'payg', model: null },
  });
  return body.valid ? 'valid' : body.refusal.code;
};
const unavailable = { code: 'unavailable', status: 503, retryAfter: 1 };

/** Runs `work` while another session holds what `statement` locks. */
const whileHeld = async <T>(service: Harness, statement: string, work: () => Promise<T>): Promise<T> => {
  const holder = new pg.Client({ connectionString: service.databaseUrl });
  await holder.connect();
  await holder.query(`begin; ${statement}`);
  try {
    return await work();
  } finally {
    await holder.query('rollback');
    await holder.end();
  }
};
const lockCounters = 'lock table rate_window in access exclusive mode';

// Long enough for a pool of that size to fill, were statements that nobody waits for any more left in it.
describe.each([
  ['2', 3_000],
  ['8', 6_500],
])('with a pool of %s, while counters are locked', (pool, stormMs) => {
  test('limited keys are 503, never valid; revoking and fencing go on, and so does everything once they are free', async () => {
    const service = await startHarness({ env: { DATABASE_POOL: pool } });
    try {
      const [rated, doomed, account] = [
        await newKey(service, { requestsPerMinute: 1_000 }),
        await newKey(service),
        await newKey(service),
      ];
      await whileHeld(service, lockCounters, async () => {
        const answers = new Set<unknown>();
        const storm: Promise<unknown>[] = [];
        const until = performance.now() + stormMs;
        while (performance.now() < until) {
          storm.push(
            verify(service, rated.secret)
              .catch(({ code, status, retryAfter }) => JSON.stringify({ code, status, retryAfter }))
              .then((answer) => answers.add(answer)),
          );
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        await service.asUser(doomed.accountId, revokeKey, { params: { keyId: doomed.keyId } });
        const body = { accountId: account.accountId, sagaId: fresh('sag') };
        await service.asService('identity', fenceKeyIssuance, { body });
        await Promise.all(storm);
        expect([...answers]).toEqual([JSON.stringify(unavailable)]);
      });
      expect(await verify(service, rated.secret)).toBe('valid');
      expect(await verify(service, doomed.secret)).toBe('key_revoked');
      expect(await verify(service, account.secret)).toBe('account_cancelled');
    } finally {
      await service.stop();
    }
  }, 40_000);
});

test('keys without limits do not notice that counters are locked', async () => {
  const service = await startHarness();
  try {
    const [plain, rated] = [await newKey(service), await newKey(service, { requestsPerMinute: 5 })];
    await whileHeld(service, lockCounters, async () => {
      const stuck = verify(service, rated.secret).catch((error: unknown) => error);
      expect(await verify(service, plain.secret)).toBe('valid');
      expect(await stuck).toMatchObject(unavailable);
    });
  } finally {
    await service.stop();
  }
});

test('without the database neither kind of key is valid', async () => {
  const service = await startHarness();
  // From another database of the same server.
  const admin = new pg.Client({ connectionString: withDatabaseName(service.databaseUrl, 'postgres') });
  const { database: name = '' } = new pg.Client({ connectionString: service.databaseUrl });
  const allowConnections = (allowed: boolean) =>
    admin.query(`alter database ${pg.escapeIdentifier(name)} allow_connections ${allowed}`);
  try {
    await admin.connect();
    const keys = [await newKey(service), await newKey(service, { requestsPerMinute: 5 })];
    for (const { secret } of keys) expect(await verify(service, secret)).toBe('valid');
    try {
      await allowConnections(false);
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
      for (const { secret } of keys) await expect(verify(service, secret)).rejects.toMatchObject(unavailable);
    } finally {
      await allowConnections(true);
    }
    for (const { secret } of keys) expect(await verify(service, secret)).toBe('valid');
  } finally {
    await admin.end();
    await service.stop();
  }
});
