import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { allClosed, closingOnce, withCleanup } from '@meridian/testkit/cleanup.ts';
import { createTestDatabase, type TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { startTestAuthority, type TestAuthority } from '@meridian/testkit/service/test-authority.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { sql } from 'kysely';
import { fenceAccount } from '../src/account/fence.ts';
import { migrate } from '../src/db/migrate.ts';
import { newId } from '../src/ids.ts';
import type { Running } from '../src/run/platform.ts';
import { silent } from './service-database.ts';
import { createTiny, note, read } from './tiny-service.ts';

const now = () => new Date();
const newAccount = () => newId('acc', 'cn', now());

let databases: TestDatabase[];
let authority: TestAuthority;

/** Environment of the service; every one has a database of its own, the event log is shared. */
const envOf = (service: 'identity' | 'billing', database: number): Record<string, string> => ({
  MERIDIAN_MODE: 'embedded',
  PUBLIC_LISTEN: '127.0.0.1:0',
  INTERNAL_LISTEN: '127.0.0.1:0',
  DATABASE_URL: databases[database]!.url,
  EVENT_BUS_URL: databases[0]!.url,
  LOG_LEVEL: 'fatal',
  ...authority.variablesOf(service),
});

beforeAll(async () => {
  databases = await Promise.all(Array.from({ length: 5 }, () => createTestDatabase()));
  authority = await startTestAuthority({ region: 'cn', foreignRegion: 'global', now });
});
afterAll(async () => {
  await authority?.stop();
  await Promise.all((databases ?? []).map((database) => database.drop()));
});

test.each([
  ['PUBLIC_LISTEN', '0.0.0.0:0', '0.0.0.0'],
  ['INTERNAL_LISTEN', '192.0.2.7:4001', '192.0.2.7'],
  ['PUBLIC_LISTEN', '[::]:0', '::'],
])('the embedded mode refuses to listen outside the loopback interface: %s=%s', async (variable, value, host) => {
  await expect(createTiny('billing', { ...envOf('billing', 1), [variable]: value })).rejects.toThrow(
    `${variable}: the embedded mode listens on 127.0.0.1 or [::1] only, not on ${host}`,
  );
});

describe('two services on the platform', () => {
  const stops: (() => Promise<void>)[] = [];
  let running: { identity: Running; billing: Running };
  let identity: Awaited<ReturnType<typeof createTiny>>;
  let billing: Awaited<ReturnType<typeof createTiny>>;

  beforeAll(async () => {
    identity = await createTiny('identity', envOf('identity', 2));
    billing = await createTiny('billing', envOf('billing', 1));
    const start = async (service: typeof identity) => {
      const started = await service.start();
      stops.push(started.stop);
      return started;
    };
    running = { identity: await start(identity), billing: await start(billing) };
  });
  afterAll(() => allClosed(stops.map((stop) => stop())));

  const publish = async (accountId: string, n: number) =>
    call(note, {
      baseUrl: running.identity.internalUrl,
      token: await authority.serviceToken('gateway', 'identity'),
      body: { accountId, n },
    });
  const thingsOf = async (accountId: string, token?: string) =>
    (
      await call(read, {
        baseUrl: running.billing.publicUrl,
        token: token ?? (await authority.userToken(accountId)),
        query: {},
      })
    ).body.things;

  test('an event one of them publishes reaches the reaction of the other', async () => {
    const [accountId, other] = [newAccount(), newAccount()];
    for (const n of [1, 2, 3]) await publish(accountId, n);
    expect(await waitFor(async () => (await thingsOf(accountId)).length === 3 && thingsOf(accountId))).toEqual([
      1, 2, 3,
    ]);
    expect(await thingsOf(other)).toEqual([]);
  });

  test("the wall refuses another region's id, and nothing is published for it", async () => {
    const foreign = newId('acc', 'global', now());
    await expect(publish(foreign, 1)).rejects.toMatchObject({
      code: 'region_mismatch',
      status: 421,
      message: expect.stringContaining('This belongs to region global; this is cn. Use https://api.global.example'),
    });
    const numbered = identity.platform.db.read.selectFrom('account_sequence').select('seq');
    expect(await numbered.where('account_id', '=', foreign).execute()).toEqual([]);
  });

  test("a fenced account's token reads no more, from the answer of the fence on; others do", async () => {
    const [accountId, other] = [newAccount(), newAccount()];
    const token = await authority.userToken(accountId);
    expect(await thingsOf(accountId, token)).toEqual([]);
    await billing.platform.db.transaction((tx) =>
      fenceAccount(tx, { accountId, sagaId: newId('sag', 'cn', now()), now: now() }),
    );
    await expect(thingsOf(accountId, token)).rejects.toMatchObject({ code: 'account_cancelled', status: 403 });
    expect(await thingsOf(other)).toEqual([]);
  });
});

test('what is over is cleaned away however much it is, without waiting for the next turn', () =>
  withCleanup(async (defer) => {
    const { platform, start } = await createTiny('billing', envOf('billing', 4), { now });
    await migrate({ url: databases[4]!.url, migrations: {}, log: silent });
    await sql`insert into not_before select 'acc_' || n, '', now(), now() - interval '1 day' from generate_series(1, 2500) n`.execute(
      platform.db.read,
    );
    await sql`insert into idempotency_key
      select 'user:x', n::text, '', 'done', 200, '', now(), now() - interval '1 day' from generate_series(1, 2500) n`.execute(
      platform.db.read,
    );
    defer((await start()).stop);
    const left = async () => {
      const { rows } = await sql<{ left: bigint }>`
        select (select count(*) from not_before) + (select count(*) from idempotency_key) as left`.execute(
        platform.db.read,
      );
      return Number(rows[0]?.left);
    };
    expect(await waitFor(async () => (await left()) === 0)).toBe(true);
  }));

describe('stopping', () => {
  test('answers the request in flight, which still needs the database, and then listens and asks no more', () =>
    withCleanup(async (defer) => {
      const { promise: started, resolve } = Promise.withResolvers<void>();
      const { platform, start } = await createTiny('billing', envOf('billing', 3), { started: resolve });
      const running = await start();
      const stop = closingOnce(running.stop);
      defer(stop);
      const order: string[] = [];
      const answer = call(read, {
        baseUrl: running.publicUrl,
        token: await authority.userToken(newAccount()),
        query: { afterMs: 300 },
      }).then(({ status }) => {
        order.push('answered');
        return status;
      });
      await started;
      await stop();
      order.push('stopped');
      expect(await answer).toBe(200);
      expect(order).toEqual(['answered', 'stopped']);
      for (const url of [running.publicUrl, running.internalUrl])
        await expect(fetch(`${url}/livez`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
      await expect(sql`select 1`.execute(platform.db.read)).rejects.toThrow();
    }));

  test('leaves nothing open: the process ends by itself', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./platform-demo.ts', import.meta.url))], {
      env: envOf('billing', 3),
      stdio: ['ignore', 'pipe', 'pipe'],
      // What is still open after this keeps the process: it is ended, and the signal says so.
      timeout: 60_000,
    });
    const [out, err, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    // What it says besides, such as a warning of Node, explains a failure and is none.
    expect(`${signal ?? code}: ${out}\n${err}`).toMatch(/^0: ready 200, stopped\n/);
  }, 90_000);
});
