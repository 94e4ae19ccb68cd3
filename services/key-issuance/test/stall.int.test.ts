// The database answers in part: counters are locked, or nobody may connect. Nobody gets in unchecked, and what stops keys still works.
import { describe, expect, test } from '@jest/globals';
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import { createKey, revokeKey, verifyKey } from '@meridian/contracts/key-issuance.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { withDatabaseName } from '@meridian/testkit/postgres/test-database.ts';
import pg from 'pg';
import type { Schema } from '../src/db/schema.ts';
import { openVerificationDatabase, splitPool } from '../src/keys/verification-database.ts';
import { type Harness, keyDatabase, silent, startHarness } from './harness.ts';
import { makeKeys } from './history/replica.ts';

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
const whileHeld = async <T>(
  service: Pick<Harness, 'databaseUrl'>,
  statement: string,
  work: () => Promise<T>,
): Promise<T> => {
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
  ['3', 3_000],
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

test('nor do they when more calls wait for the counters than go into one statement', async () => {
  const database = await keyDatabase();
  const admin = new pg.Client({ connectionString: database.url });
  const db = createDatabase<Schema>({ url: database.url, poolSize: 1, log: silent, applicationName: 'stall' });
  const asked = openVerificationDatabase({
    url: database.url,
    log: silent,
    pool: splitPool(8),
    deadlineMs: 1_000,
    now: () => new Date(),
  });
  try {
    await admin.connect();
    const [key] = await makeKeys(db, 1, 1);
    const { rows } = await admin.query('select digest from api_key_secret');
    const limits = { requestsPerMinute: 5, tokensPerMinute: null, tokensPerDay: null };
    const subjects = [{ id: 'k:stuck', scope: 'key', limits }] as const;
    await whileHeld({ databaseUrl: database.url }, lockCounters, async () => {
      // Thousands wait at any time: those of a statement have waited most of their time when it is sent, give it up soon, and the next is sent.
      let left = 20_000;
      const refused = new Set<unknown>();
      const caller = async () => {
        while (left > 0) {
          left -= 1;
          refused.add(await asked.takeRates({ subjects, tokens: 1 }).catch(({ code }) => code));
          await new Promise((resolve) => setTimeout(resolve, 1_000 * Math.random()));
        }
      };
      const storm = Promise.all(Array.from({ length: 4_000 }, caller));
      const answers: unknown[] = [];
      const locked = new Set<unknown>();
      while (left > 0) {
        const answer = asked.factsOf(rows[0].digest);
        answers.push(
          await answer.then(
            (facts) => facts?.keyId,
            ({ code }) => code,
          ),
        );
        const waiting = await admin.query(
          "select application_name from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        for (const { application_name: name } of waiting.rows) locked.add(name);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await storm;
      expect([...locked]).toEqual(['key-issuance counting']);
      // This process, which storms as well, may itself stand still for longer than a question waits.
      const found = answers.filter((answer) => answer === key!.keyId);
      expect(found.length).toBeGreaterThan(answers.length / 2);
      // The database ended their statement, or the queue their waiting.
      for (const code of refused) expect(['57014', 'timeout']).toContain(code);
    });
  } finally {
    await Promise.all([asked.close(), db.close(), admin.end()]);
    await database.drop();
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
