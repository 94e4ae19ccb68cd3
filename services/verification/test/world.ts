// The real service on a real database and event log, with a registry that answers what a test tells it.
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { call } from '@meridian/client/client.ts';
import { getVerification, submitPersonalVerification } from '@meridian/contracts/verification.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { startTestAuthority } from '@meridian/testkit/service/test-authority.ts';
import { startTestBus } from '@meridian/testkit/service/test-bus.ts';
import pg from 'pg';
import { checkCharacter } from '../src/personal/identity-number.ts';
import { startVerification } from '../src/service.ts';
import { startRegistryStandIn } from './registry-stand-in.ts';

/** A number of the `n`th invented person, born in 1990. */
export const numberOf = (n: number) => {
  const day = new Date(Date.UTC(1990, 0, 1 + (n % 3_000))).toISOString().slice(0, 10).replaceAll('-', '');
  const digits = `440304${day}${String(1 + Math.floor(n / 3_000)).padStart(3, '0')}`;
  return digits + checkCharacter(digits);
};

/** What a person submits, unless a test says otherwise. */
const bodyOf = (person: { name?: string; number: string; consentVersion?: string }) => ({
  name: '张三',
  consentVersion: '2026-11',
  ...person,
});

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** Starts at noon of a register's day, which begins at 16:00 UTC: what is counted by the day must not meet its end by chance. */
export const createClock = () => ({ offsetMs: dayMs - ((Date.now() + 8 * hourMs) % dayMs) + 12 * hourMs });
export type Clock = ReturnType<typeof createClock>;
export const timeOf = (clock: Clock) => new Date(Date.now() + clock.offsetMs);

type WorldOptions = {
  readonly region?: string;
  readonly clock?: Clock;
  readonly variables?: Record<string, string | undefined>;
};

export const startWorld = async (options: WorldOptions = {}) => {
  const { region = 'cn', clock = createClock() } = options;
  const now = () => timeOf(clock);
  const database = await createTestDatabase();
  const bus = await startTestBus({ region, service: 'verification' });
  const authority = await startTestAuthority({ region, foreignRegion: region === 'cn' ? 'global' : 'cn', now });
  const registry = await startRegistryStandIn({ now });
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk, _, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const env = {
    REGION: region,
    MERIDIAN_MODE: 'embedded',
    PUBLIC_LISTEN: '127.0.0.1:0',
    INTERNAL_LISTEN: '127.0.0.1:0',
    DATABASE_URL: database.url,
    EVENT_BUS_URL: bus.url,
    TRUSTED_PROXIES: '127.0.0.1',
    LOG_LEVEL: 'trace',
    IDENTITY_DATA_KEY: `1:${randomBytes(32).toString('base64')}`,
    BLIND_INDEX_KEY: randomBytes(32).toString('base64url'),
    ...authority.variablesOf('verification'),
    ...registry.variables,
    ...options.variables,
  };
  const start = () => startVerification(env, { now, destination, ...bus.overrides });
  let service = await start();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  let keys = 0;

  return {
    region,
    clock,
    now,
    registry,
    bus,
    authority,
    lines,
    env,
    pool,
    get service() {
      return service;
    },
    restart: async () => {
      await service.stop();
      service = await start();
    },
    bodyOf,
    newAccount: () => newId('acc', region, now()),
    view: async (accountId: string) =>
      (await call(getVerification, { baseUrl: service.publicUrl, token: await authority.userToken(accountId) })).body,
    submit: async (
      accountId: string,
      person: Parameters<typeof bodyOf>[0],
      options: { idempotencyKey?: string } = {},
    ) => {
      keys += 1;
      const key = keys;
      return call(submitPersonalVerification, {
        baseUrl: service.publicUrl,
        token: await authority.userToken(accountId),
        idempotencyKey: options.idempotencyKey ?? `key-${key}`,
        // Each person comes from an address of their own: the flood guard is not what is tested here.
        headers: { 'x-forwarded-for': `10.1.${Math.floor(key / 250)}.${1 + (key % 250)}` },
        body: bodyOf(person),
      });
    },
    sql: async <T = Record<string, unknown>>(text: string, values: unknown[] = []): Promise<T[]> =>
      (await pool.query(text, values)).rows as T[],
    stop: async () => {
      await pool.end();
      await service.stop();
      await bus.stop();
      await registry.stop();
      await authority.stop();
      await database.drop();
    },
  };
};
export type World = Awaited<ReturnType<typeof startWorld>>;
