// What holds between machines, without containers: certificates as `npm run region` issues them, listeners and callers of kit, rights in PostgreSQL.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { endpoint, type ServiceName } from '@meridian/contracts/endpoint.ts';
import { grantApplication } from '@meridian/kit/db/application-role.ts';
import { assertMigrated, migrate } from '@meridian/kit/db/migrate.ts';
import { route } from '@meridian/kit/http/route.ts';
import { createServer, type HttpServer } from '@meridian/kit/http/server.ts';
import { watchCertificate } from '@meridian/kit/run/certificate-expiry.ts';
import { assertMode, databaseMistakes, type RegionTls, regionDispatcher } from '@meridian/kit/run/production.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createMetrics } from '@meridian/kit/telemetry/metrics.ts';
import { createTestDatabase, type TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { sql } from 'kysely';
import pg from 'pg';
import { z } from 'zod';
import { type Authority, forgetRetired, openAuthority, retireAuthority } from '../scripts/region/certificates.ts';
import { containerUser, writeAll } from '../scripts/region/store.ts';

const log = createLog({ service: 'test', region: 'cn', level: 'silent' as 'fatal' });
const folder = mkdtempSync(join(tmpdir(), 'meridian-machines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tlsOf = async (authority: Authority, name: string, ca = authority.bundle()): Promise<RegionTls> => ({
  ...(await authority.issue({ name, hosts: [name, 'localhost'], usage: ['serverAuth', 'clientAuth'] })),
  ca,
});

const readThing = endpoint({
  id: 'readThing',
  service: 'billing',
  method: 'GET',
  path: '/internal/v1/thing',
  summary: 's',
  auth: { kind: 'service', callers: ['identity', 'gateway'] },
  answers: { 200: z.strictObject({ caller: z.string() }) },
  problems: [],
});

describe('mutual TLS between services', () => {
  let authority: Authority;
  let server: HttpServer;
  let baseUrl: string;
  const serverOptions = {
    service: 'billing',
    region: 'cn',
    log,
    now: () => new Date(),
    trustedProxies: [],
    corsOrigins: [],
    listener: 'internal',
    production: true,
    // The token's text stands for its issuer: tokens themselves are tested in kit.
    verifyService: async (token: string) => ({ caller: token as ServiceName }),
  } as const;
  beforeAll(async () => {
    authority = await openAuthority(join(folder, 'cn-ca'), 'cn');
    server = createServer({ ...serverOptions, tls: await tlsOf(authority, 'billing') });
    route(server, readThing, async ({ auth }) => ({ status: 200, body: { caller: auth.caller } }));
    const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
    baseUrl = `https://localhost:${port}`;
  });
  afterAll(() => server.close());

  const callAs = async (tls: RegionTls | undefined, token: string) => {
    const dispatcher = regionDispatcher(tls);
    try {
      return (await call(readThing, { baseUrl, token, ...(dispatcher && { dispatcher }) })).body.caller;
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await dispatcher?.close();
    }
  };

  test('a caller with a certificate of the region and a token of the same name is let in', async () => {
    expect(await callAs(await tlsOf(authority, 'identity'), 'identity')).toBe('identity');
  });
  test("a token of one service with another's certificate is refused", async () => {
    expect(await callAs(await tlsOf(authority, 'gateway'), 'identity')).toBe('unauthenticated');
    expect(await callAs(await tlsOf(authority, 'edge'), 'identity')).toBe('unauthenticated');
  });
  test("no certificate, or one of another region's authority, gets no connection", async () => {
    const foreign = await openAuthority(join(folder, 'global-ca'), 'global');
    const trusted = authority.bundle();
    expect(await callAs(await tlsOf(foreign, 'identity', trusted), 'identity')).toBe('unreachable');
    expect(await callAs(undefined, 'identity')).toBe('unreachable');
  });
  test("a caller that trusts another region's authority does not speak to this server", async () => {
    const foreign = await openAuthority(join(folder, 'global-ca'), 'global');
    expect(await callAs(await tlsOf(authority, 'identity', foreign.bundle()), 'identity')).toBe('unreachable');
  });
  test('a listener that closes serves what runs, however long, and drops a connection that nothing was asked on', async () => {
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const tls = await tlsOf(authority, 'billing');
    const closing = createServer({ ...serverOptions, tls });
    route(closing, readThing, async ({ auth }) => {
      entered.resolve();
      await gate.promise;
      return { status: 200, body: { caller: auth.caller } };
    });
    const { port } = await closing.listen({ host: '127.0.0.1', port: 0 });
    const unused = connect({ port, host: '127.0.0.1', servername: 'localhost', ...tls });
    await new Promise((resolve) => unused.once('secureConnect', resolve));
    const ended = new Promise((resolve) => unused.once('close', resolve));
    const dispatcher = regionDispatcher(await tlsOf(authority, 'identity'));
    const running = call(readThing, {
      baseUrl: `https://localhost:${port}`,
      token: 'identity',
      ...(dispatcher && { dispatcher }),
    });
    await entered.promise;
    const closed = closing.close();
    await ended;
    gate.resolve();
    expect((await running).body.caller).toBe('identity');
    await closed;
    await dispatcher?.close();
  });
  test('while an authority is replaced both are believed; afterwards the old one is not', async () => {
    const ca = join(folder, 'rotated-ca');
    const old = await tlsOf(await openAuthority(ca, 'cn'), 'identity');
    retireAuthority(ca);
    const replacing = await openAuthority(ca, 'cn');
    expect(replacing.bundle()).toContain(old.ca);
    forgetRetired(ca);
    expect((await openAuthority(ca, 'cn')).bundle()).not.toContain(old.ca);
    expect(replacing.bundle()).not.toContain(old.ca);
  });
});

describe('files of secrets', () => {
  test('are readable by their owner alone, and are not overwritten where they are to be kept', () => {
    const place = join(folder, 'secrets', 'billing');
    writeAll(place, { A: 'one' });
    writeAll(place, { A: 'two', B: 'three' }, true);
    expect(readdirSync(place).map((name) => [name, readFileSync(join(place, name), 'utf8')])).toEqual([
      ['A', 'one'],
      ['B', 'three'],
    ]);
    for (const path of [place, join(folder, 'secrets')]) expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(place, 'A'))).toMatchObject({ uid: containerUser().uid });
    expect(statSync(join(place, 'A')).mode & 0o777).toBe(0o600);
  });
});

describe('the mode of a service', () => {
  const shared = {
    PUBLIC_LISTEN: { host: '0.0.0.0', port: 1 },
    INTERNAL_LISTEN: { host: '127.0.0.1', port: 2 },
    ISSUER: 'https://a.example',
  } as unknown as Parameters<typeof assertMode>[1];
  const now = new Date();

  test('embedded listens on loopback alone', () => {
    expect(() => assertMode('billing', { ...shared, MERIDIAN_MODE: 'embedded' }, now)).toThrow(
      'PUBLIC_LISTEN: the embedded mode listens on 127.0.0.1',
    );
  });
  test('production names everything that is missing, and an expired certificate', async () => {
    const production = { ...shared, MERIDIAN_MODE: 'production' as const };
    expect(() => assertMode('billing', production, now)).toThrow(/3 mistake.*INTERNAL_TLS_KEY is missing/s);
    const { key, cert, ca } = await tlsOf(await openAuthority(join(folder, 'mode-ca'), 'cn'), 'billing');
    const full = { ...production, INTERNAL_TLS_KEY: key, INTERNAL_TLS_CERT: cert, INTERNAL_TLS_CA: ca };
    expect(() => assertMode('billing', full, now)).not.toThrow();
    expect(() => assertMode('identity', full, now)).toThrow('is the certificate of "billing", not of "identity"');
    expect(() => assertMode('billing', full, new Date(now.getTime() + 400 * 86_400_000))).toThrow('has expired on');
    expect(() => assertMode('billing', { ...full, ISSUER: 'http://a.example' }, now)).toThrow(
      'ISSUER must begin with https://',
    );
    expect(() => assertMode('billing', { ...full, EVENT_BUS_URL: 'postgres://u:p@h/bus' }, now)).toThrow(
      'EVENT_BUS_URL must be a kafka:// address',
    );
  });
  test('production refuses a certificate of another authority or with another key, and believes both authorities during a rotation', async () => {
    const at = join(folder, 'issuer-ca');
    const own = await tlsOf(await openAuthority(at, 'cn'), 'billing');
    const foreign = await tlsOf(await openAuthority(join(folder, 'issuer-foreign-ca'), 'cn'), 'billing');
    const check = ({ key, cert, ca }: RegionTls, later = 0) =>
      assertMode(
        'billing',
        {
          ...shared,
          MERIDIAN_MODE: 'production',
          INTERNAL_TLS_KEY: key,
          INTERNAL_TLS_CERT: cert,
          INTERNAL_TLS_CA: ca,
        },
        new Date(now.getTime() + later),
      );
    expect(() => check({ ...own, ca: foreign.ca })).toThrow(
      /INTERNAL_TLS_CERT was not issued by the authority in INTERNAL_TLS_CA.*rotate <id> certificates/,
    );
    expect(() => check({ ...own, key: foreign.key })).toThrow('INTERNAL_TLS_KEY is not the key of INTERNAL_TLS_CERT');
    expect(() => check(own, 4_000 * 86_400_000)).toThrow('the authority in INTERNAL_TLS_CA has expired');
    retireAuthority(at);
    const next = await tlsOf(await openAuthority(at, 'cn'), 'billing');
    expect(() => check({ ...own, ca: next.ca })).not.toThrow();
    expect(() => check(next)).not.toThrow();
  });
  test('the time that the certificate has left is a metric', async () => {
    const tls = await tlsOf(await openAuthority(join(folder, 'expiry-ca'), 'cn'), 'billing');
    const metrics = createMetrics({ processMetrics: false });
    let at = now;
    watchCertificate(metrics, tls, () => at);
    const left = async () => {
      const text = await metrics.registry.metrics();
      return Number(/^tls_certificate_expires_seconds (\S+)$/m.exec(text)?.[1]);
    };
    const days = 86_400;
    expect(await left()).toBeGreaterThan(396 * days);
    at = new Date(now.getTime() + 398 * days * 1_000);
    expect(await left()).toBeLessThan(0);
  });
  test.each(['', '?sslmode=require', '?sslmode=verify-ca&sslrootcert=/x', '?sslmode=disable'])(
    'a database address that ends with "%s" is refused without being told',
    (end) => {
      const mistakes = databaseMistakes('DATABASE_URL', `postgres://u:hunter2@h/d${end}`);
      expect(mistakes.join()).toContain('sslmode=verify-full');
      expect(mistakes.join()).not.toContain('hunter2');
    },
  );
});

describe('the role of a service in its database', () => {
  const migrations = {
    '0001-things': {
      up: async (db: Parameters<NonNullable<import('kysely/migration').Migration['up']>>[0]) => {
        await sql`create table thing (id int primary key, name text)`.execute(db);
        await sql`create table booked (id bigint generated always as identity primary key, amount int)`.execute(db);
      },
    },
  };
  let database: TestDatabase;
  let client: pg.Client;
  const role = `app_${process.pid}_${Math.floor(performance.now())}`;
  beforeAll(async () => {
    database = await createTestDatabase();
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    await admin.query(`create role ${role}`);
    await admin.end();
    await migrate({ url: database.url, migrations, log });
    await grantApplication({ url: database.url, role, appendOnly: ['booked'] });
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(`set role ${role}`);
  });
  afterAll(async () => {
    await client.query('reset role');
    await client.query(`drop owned by ${role}; drop role ${role}`);
    await client.end();
    await database.drop();
  });

  test.each([
    'create table mine (id int)',
    'drop table thing',
    'alter table thing add column x int',
    'truncate thing',
    'update booked set amount = 2',
    'delete from booked',
    "insert into migration values ('service/9999-x', now()::text)",
    "update migration_digest set digest = 'x'",
  ])('may not: %s', async (statement) => {
    await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
  test('may read and write rows', async () => {
    await client.query("insert into thing values (1, 'a'); update thing set name = 'b'; delete from thing");
    await client.query('insert into booked (amount) values (1)');
    expect((await client.query('select count(*)::int as n from booked')).rows).toEqual([{ n: 1 }]);
  });
  test('a database older or newer than the code is told with what mends it', async () => {
    const check = (more: Record<string, (typeof migrations)['0001-things']>) =>
      assertMigrated({ url: database.url, migrations: more, service: 'billing' });
    await expect(check(migrations)).resolves.toBeUndefined();
    await expect(check({ ...migrations, '0002-more': migrations['0001-things'] })).rejects.toMatchObject({
      code: 'database_older',
      message: expect.stringContaining('services/billing/src/migrate.ts'),
    });
    await expect(check({})).rejects.toMatchObject({ code: 'database_newer' });
  });
});
