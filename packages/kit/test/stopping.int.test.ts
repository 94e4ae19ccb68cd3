// The platform's own order of stopping, on a service with everything: listeners, jobs, consumer, relay, bus, database, mutual TLS.
import { createServer as createTcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { createPostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { closingOnce, withCleanup } from '@meridian/testkit/cleanup.ts';
import { freePort } from '@meridian/testkit/free-port.ts';
import { createTestDatabase, type TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { createEventSender } from '@meridian/testkit/service/send-event.ts';
import { startTestAuthority, type TestAuthority } from '@meridian/testkit/service/test-authority.ts';
import { createTestCertificate, tlsVariables } from '@meridian/testkit/service/test-certificate.ts';
import { z } from 'zod';
import { parseConfig } from '../src/config/config.ts';
import { route } from '../src/http/route.ts';
import { createServer } from '../src/http/server.ts';
import { newId } from '../src/ids.ts';
import { createStatelessPlatform } from '../src/run/platform.ts';
import { statelessVariables } from '../src/run/platform-variables.ts';
import { pauseOf } from '../src/run/stopping.ts';
import { createLog } from '../src/telemetry/log.ts';
import { createTiny, note, noted, read } from './tiny-service.ts';

const now = () => new Date();
const newAccount = () => newId('acc', 'cn', now());
const silent = createLog({ service: 'test', region: 'cn', level: 'silent' });

let databases: TestDatabase[];
let authority: TestAuthority;
const envOf = (more: Record<string, string> = {}): Record<string, string> => ({
  MERIDIAN_MODE: 'embedded',
  PUBLIC_LISTEN: '127.0.0.1:0',
  INTERNAL_LISTEN: '127.0.0.1:0',
  DATABASE_URL: databases[0]!.url,
  EVENT_BUS_URL: databases[1]!.url,
  LOG_LEVEL: 'fatal',
  ...authority.variablesOf('billing'),
  ...more,
});

beforeAll(async () => {
  databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
  authority = await startTestAuthority({ region: 'cn', foreignRegion: 'global', now });
});
afterAll(async () => {
  await authority?.stop();
  await Promise.all((databases ?? []).map((database) => database.drop()));
});

test('the order is HTTP, jobs, what the service adds, consumer, relay, bus, calls, database', async () => {
  const lines: string[] = [];
  const { start } = await createTiny('billing', envOf({ LOG_LEVEL: 'debug' }), {
    destination: { write: (line: string) => void lines.push(line) },
  });
  const running = await start({ steps: [{ name: 'own', stop: () => undefined }] });
  await running.stop();
  const entries = lines.map((line) => JSON.parse(line) as { msg: string; step?: string });
  expect(entries.filter(({ msg }) => msg === 'a step of stopping is done').map(({ step }) => step)).toEqual([
    'http',
    'background',
    'own',
    'consumer',
    'relay',
    'bus',
    'calls',
    'database',
  ]);
});

test('an event in hand, and what the service adds, can still call another service by mutual TLS; afterwards nobody can', () =>
  withCleanup(async (defer) => {
    const certificate = createTestCertificate('billing');
    const order: string[] = [];
    const inHand = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const other = createServer({
      service: 'identity',
      region: 'cn',
      log: silent,
      now,
      trustedProxies: [],
      corsOrigins: [],
      listener: 'internal',
      production: true,
      tls: certificate,
      verifyService: async () => ({ caller: 'billing' }),
    });
    defer(() => other.close());
    const forBilling = { ...note, auth: { kind: 'service', callers: ['billing'] } } as const;
    route(other, forBilling as unknown as typeof note, async ({ body }) => {
      order.push(`call ${body.n}`);
      return { status: 204 };
    });
    const { url: baseUrl } = await other.listen({ host: '127.0.0.1', port: 0 });
    const stepsDone = (line: string) => {
      const { msg, step } = JSON.parse(line) as { msg: string; step?: string };
      if (msg !== 'a step of stopping is done') return;
      order.push(`${step} done`);
      // From here on only the event in hand keeps the consumer, and with it all that comes after, from being closed.
      if (step === 'own') gate.resolve();
    };
    const { platform, start } = await createTiny(
      'billing',
      envOf({ ...tlsVariables(certificate), LOG_LEVEL: 'debug' }),
      {
        destination: { write: stepsDone },
        reacted: async () => {
          inHand.resolve();
          await gate.promise;
          await callOther(1);
        },
      },
    );
    const callOther = (n: number) => platform.call(note, { baseUrl, body: { accountId: newAccount(), n } });
    const running = await start({ steps: [{ name: 'own', stop: async () => void (await callOther(2)) }] });
    const stop = closingOnce(running.stop);
    defer(stop);
    defer(gate.resolve);
    const bus = createPostgresBus({ url: databases[1]!.url, log: silent, now });
    defer(() => bus.close(2_000));
    await createEventSender({ bus, region: 'cn', now })('identity', noted, newAccount(), { n: 1 });
    await inHand.promise;
    await stop();
    const steps = ['consumer', 'relay', 'bus', 'calls', 'database'].map((step) => `${step} done`);
    expect(order).toEqual(['http done', 'background done', 'call 2', 'own done', 'call 1', ...steps]);
    await expect(callOther(3)).rejects.toMatchObject({ code: 'unreachable' });
  }));

describe('being seen as not ready', () => {
  test('readiness is off for a while in which requests are served; only then do the listeners close', () =>
    withCleanup(async (defer) => {
      const gate = Promise.withResolvers<void>();
      const order: string[] = [];
      const pause = (ms: number) => {
        order.push(`pause of ${ms}`);
        return gate.promise;
      };
      const { start } = await createTiny('billing', envOf({ STOP_PAUSE_MS: '600' }), { pause });
      const running = await start({ closing: () => void order.push('closing') });
      const stop = closingOnce(running.stop);
      defer(stop);
      defer(gate.resolve);
      const token = await authority.userToken(newAccount());
      const readiness = async (url: string) => (await fetch(`${url}/readyz`)).status;
      expect(await readiness(running.publicUrl)).toBe(200);
      const stopped = stop().then(() => order.push('stopped'));
      expect([await readiness(running.publicUrl), await readiness(running.internalUrl)]).toEqual([503, 503]);
      const { status } = await call(read, { baseUrl: running.publicUrl, token, query: {} });
      order.push(`answered ${status}`);
      gate.resolve();
      await stopped;
      expect(order).toEqual(['pause of 600', 'answered 200', 'closing', 'stopped']);
      await expect(fetch(`${running.publicUrl}/readyz`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
      expect(running.stopWithinMs).toBeGreaterThan(10_600);
    }));
  test('takes 5 s in production and no time on one machine, unless told otherwise', () => {
    expect(pauseOf({ MERIDIAN_MODE: 'production' })).toBe(5_000);
    expect(pauseOf({ MERIDIAN_MODE: 'embedded' })).toBe(0);
    expect(pauseOf({ MERIDIAN_MODE: 'production', STOP_PAUSE_MS: 0 })).toBe(0);
  });
});

test('a request that does not end is cut, so that what comes after HTTP has its time', () =>
  withCleanup(async (defer) => {
    const entered = Promise.withResolvers<void>();
    const { start, platform } = await createTiny('billing', envOf(), { started: entered.resolve });
    const running = await start({ answersMs: 200 });
    const stop = closingOnce(running.stop);
    defer(stop);
    const token = await authority.userToken(newAccount());
    const answer = call(read, { baseUrl: running.publicUrl, token, query: { afterMs: 5_000 } });
    const outcome = answer.catch((error: { code: string }) => error.code);
    await entered.promise;
    await stop();
    expect(await outcome).toBe('unreachable');
    expect(platform.db.pool.ended).toBe(true);
  }));

describe('a start that fails', () => {
  const taken = async <T>(work: (env: Record<string, string>) => Promise<T>) => {
    const holder = createTcpServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const address = holder.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const internal = await freePort();
    try {
      await work(
        envOf({ PUBLIC_LISTEN: `127.0.0.1:${port}`, INTERNAL_LISTEN: `127.0.0.1:${internal}`, STOP_PAUSE_MS: '60000' }),
      );
    } finally {
      await new Promise((resolve) => holder.close(resolve));
    }
    await expect(fetch(`http://127.0.0.1:${internal}/livez`)).rejects.toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    });
  };

  test('closes its internal listener when the public port is taken, without a database', () =>
    taken(async (env) => {
      const platform = await createStatelessPlatform({
        service: 'gateway',
        region: 'cn',
        directory: {},
        corsOrigins: [],
        config: parseConfig(z.object(statelessVariables), env),
      });
      await expect(platform.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    }));
  test('closes it, and the database, with one', () =>
    taken(async (env) => {
      const { platform, start } = await createTiny('billing', env);
      await expect(start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
      expect(platform.db.pool.ended).toBe(true);
    }));
  test('closes what was opened also when nothing listens yet', async () => {
    const { platform, start } = await createTiny(
      'billing',
      envOf({ DATABASE_URL: 'postgres://u:p@127.0.0.1:9/nothing' }),
    );
    await expect(start()).rejects.toThrow();
    expect(platform.db.pool.ended).toBe(true);
  });
});
