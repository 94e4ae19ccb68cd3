import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { endpoint } from '@meridian/contracts/endpoint.ts';
import { problem } from '@meridian/contracts/problem.ts';
import { createTestDatabase, type TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { sql } from 'kysely';
import { pino } from 'pino';
import { z } from 'zod';
import { createDatabase, type Database } from '../src/db/database.ts';
import { migrate } from '../src/db/migrate.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { canonicalRequest, cleanIdempotencyKeys } from '../src/http/idempotency.ts';
import { fail } from '../src/http/problems.ts';
import { route } from '../src/http/route.ts';
import { type Address, createServer, type HttpServer } from '../src/http/server.ts';

const refused = problem('refused', 409, 'Refused');
const pay = endpoint({
  id: 'pay',
  service: 'billing',
  method: 'POST',
  path: '/v1/pay/{mode}',
  summary: 'Pay',
  auth: { kind: 'user' },
  idempotent: true,
  params: z.strictObject({ mode: z.enum(['commit', 'plain', 'slow', 'refuse', 'crash']) }),
  body: z.strictObject({ amount: z.number(), note: z.string().optional() }),
  answers: { 201: z.strictObject({ secret: z.string(), run: z.number() }) },
  problems: [refused],
});

const log = pino({ level: 'silent' });
let database: TestDatabase;
let db: Database<KitSchema>;
let server: HttpServer;
let at: Address;
let now = new Date('2026-11-22T00:00:00Z');
let runs = 0;
let gate = Promise.withResolvers<void>();
let entered = Promise.withResolvers<void>();

beforeAll(async () => {
  database = await createTestDatabase({ templateKey: 'kit', migrate: (url) => migrate({ url, migrations: {}, log }) });
  db = createDatabase<KitSchema>({ url: database.url, poolSize: 5, log, applicationName: 'test' });
  await sql`create table effect (run int)`.execute(db.read);
  server = createServer({
    service: 'billing',
    region: 'cn',
    log,
    now: () => now,
    trustedProxies: [],
    corsOrigins: [],
    listener: 'public',
    production: false,
    idempotency: db,
    verifyUser: async (token) => ({ accountId: token, sessionId: 's' }),
  });
  route(server, pay, async ({ params, idempotency }) => {
    const run = ++runs;
    const answer = { status: 201, body: { secret: 'sk-shown-once', run } } as const;
    if (params.mode === 'refuse') return fail(refused);
    if (params.mode === 'crash') throw new Error('crash');
    if (params.mode === 'plain') return answer;
    if (params.mode === 'slow') {
      entered.resolve();
      await gate.promise;
    }
    return idempotency.commit(db, async (tx) => {
      await sql`insert into effect values (${run})`.execute(tx);
      return answer;
    });
  });
  at = await server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await server.close();
  await db.close();
  await database.drop();
});

const send = async (mode: string, key: string | undefined, body = '{"amount":1}', who = 'alice') => {
  const answer = await fetch(`${at.url}/v1/pay/${mode}`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${who}`,
      ...(key !== undefined && { 'idempotency-key': key }),
    },
  });
  return {
    status: answer.status,
    body: (await answer.json()) as { code?: string; run?: number; secret?: string },
    replayed: answer.headers.get('idempotency-replayed'),
  };
};
const effects = async () =>
  Number((await sql<{ n: bigint }>`select count(*) as n from effect`.execute(db.read)).rows[0]?.n);

describe('idempotency keys', () => {
  test.each(['commit', 'plain'])(
    '%s: the same key and body replay the answer, whatever the order of members',
    async (mode) => {
      const first = await send(mode, `r-${mode}`, '{"amount":1,"note":"n"}');
      expect(first).toMatchObject({ status: 201, replayed: null });
      expect(await send(mode, `r-${mode}`, ' {"note":"n","amount":1}')).toEqual({ ...first, replayed: 'true' });
    },
  );
  test('another body or another path is 422', async () => {
    await send('commit', 'reused');
    expect(await send('commit', 'reused', '{"amount":2}')).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
    expect(await send('plain', 'reused')).toMatchObject({ status: 422 });
  });
  test("another caller's key is another key", async () => {
    const mine = await send('commit', 'shared');
    const theirs = await send('commit', 'shared', '{"amount":1}', 'bob');
    expect(theirs).toMatchObject({ status: 201, replayed: null });
    expect(theirs.body.run).not.toBe(mine.body.run);
  });
  test('a missing, too long or invisible key is refused before anything runs', async () => {
    const before = runs;
    expect(await send('commit', undefined)).toMatchObject({ status: 400, body: { code: 'idempotency_key_required' } });
    expect(await send('commit', 'x'.repeat(256))).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(await send('commit', 'a b')).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(await send('commit', 'x'.repeat(255))).toMatchObject({ status: 201 });
    expect(runs).toBe(before + 1);
  });
  test.each(['refuse', 'crash'])('%s: a failed run frees the key', async (mode) => {
    const before = runs;
    const first = await send(mode, `f-${mode}`);
    expect((await send(mode, `f-${mode}`)).status).toBe(first.status);
    expect(runs).toBe(before + 2);
  });
  test('of twins at the same time exactly one runs; the other is told 409', async () => {
    gate = Promise.withResolvers();
    entered = Promise.withResolvers();
    const before = await effects();
    const first = send('slow', 'twin');
    await entered.promise;
    expect(await send('slow', 'twin')).toMatchObject({ status: 409, body: { code: 'idempotency_twin_in_flight' } });
    gate.resolve();
    expect(await first).toMatchObject({ status: 201 });
    expect(await effects()).toBe(before + 1);
  });
  test('20 at once have one effect', async () => {
    const before = await effects();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send('commit', 'burst')));
    expect(await effects()).toBe(before + 1);
    expect(new Set(answers.map((a) => a.status)).size).toBeLessThanOrEqual(2);
    expect(answers.filter((a) => a.status === 201 && a.replayed === null)).toHaveLength(1);
  });
  test('after the lease a retry runs again, and the run that lost it has no effect', async () => {
    gate = Promise.withResolvers();
    entered = Promise.withResolvers();
    const before = await effects();
    const stuck = send('slow', 'lost');
    await entered.promise;
    now = new Date(now.getTime() + 29_000);
    expect((await send('slow', 'lost')).status).toBe(409);
    now = new Date(now.getTime() + 1_000);
    entered = Promise.withResolvers();
    const retry = send('slow', 'lost');
    await entered.promise;
    gate.resolve();
    const outcomes = [await stuck, await retry].map((a) => a.status).sort();
    expect(outcomes).toEqual([201, 409]);
    expect(await effects()).toBe(before + 1);
  });
  test('neither key nor answer can be read from the table', async () => {
    await send('commit', 'visible-key');
    const dump = JSON.stringify((await sql`select * from idempotency_key`.execute(db.read)).rows);
    expect(dump).not.toContain('visible-key');
    expect(dump).not.toContain('sk-shown-once');
  });
  test('equal requests, and equal keys of two callers, look different in the table, and no digest of a request is in it', async () => {
    const body = '{"amount":1,"note":"11010519491231002X"}';
    await send('commit', 'first-key', body);
    await send('commit', 'second-key', body);
    await send('commit', 'first-key', body, 'bob');
    const { rows } = await sql<{
      key: string;
      request_hash: string;
    }>`select key, request_hash from idempotency_key`.execute(db.read);
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
    expect(new Set(rows.map((row) => row.request_hash)).size).toBe(rows.length);
    const content = canonicalRequest(pay.id, { mode: 'commit' }, {}, JSON.parse(body));
    const digests = [content, body, 'first-key'].map((text) => createHash('sha256').update(text).digest('hex'));
    for (const { key, request_hash } of rows)
      expect(digests.filter((digest) => digest === key || digest === request_hash)).toEqual([]);
  });
  test('clean-up takes what is over, at most so many, and nothing younger than 24 h', async () => {
    await send('commit', 'young');
    now = new Date(now.getTime() + 24 * 3_600_000 - 1_000);
    expect((await send('commit', 'young')).replayed).toBe('true');
    await send('commit', 'younger');
    now = new Date(now.getTime() + 2_000);
    expect(await cleanIdempotencyKeys(db, () => now, 2)).toBe(true);
    expect(await cleanIdempotencyKeys(db, () => now, 100)).toBe(false);
    expect((await send('commit', 'younger')).replayed).toBe('true');
    expect((await send('commit', 'young')).replayed).toBeNull();
  });
});
