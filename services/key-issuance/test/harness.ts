// One key-issuance on databases of its own, with the tokens of its callers and the events of its neighbours.
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CallOptions, call } from '@meridian/client/client.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import { type EventDefinition, topicOf } from '@meridian/contracts/event.ts';
import { createServiceTokens } from '@meridian/kit/auth/service-tokens.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import type { EventRecord } from '@meridian/kit/events/event-bus.ts';
import { createPostgresBus, migratePostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Overrides, Running } from '@meridian/kit/run/platform.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { exportJWK, SignJWT } from 'jose';
import type { z } from 'zod';
import { migrations } from '../src/migrations.ts';
import { startKeyIssuance } from '../src/service.ts';

export const silent = createLog({ service: 'test', region: 'cn', level: 'silent' });
const newPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject) =>
  key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }) as string;
const issuer = 'http://api.cn.test';

/** A database with this service's tables. */
export const keyDatabase = () =>
  createTestDatabase({ migrate: (url) => migrate({ url, migrations, log: silent }), templateKey: 'key-issuance' });

const servePublicKeys = async (key: KeyObject) => {
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(key)), kid: 'test', alg: 'ES256', use: 'sig' }] });
  const server = createServer((_, answer) => answer.setHeader('content-type', 'application/json').end(jwks));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/jwks`, close: () => new Promise((resolve) => server.close(resolve)) };
};

export type HarnessOptions = {
  readonly region?: string;
  /** The database of an earlier harness: a second replica. */
  readonly databaseUrl?: string;
  readonly env?: Record<string, string>;
  readonly overrides?: Overrides;
};

export const startHarness = async ({ region = 'cn', databaseUrl, env, overrides }: HarnessOptions = {}) => {
  const now = overrides?.now ?? (() => new Date());
  const users = newPair();
  const [gateway, identity, billing, own] = [newPair(), newPair(), newPair(), newPair()];
  const jwks = await servePublicKeys(users.publicKey);
  const database = databaseUrl === undefined ? await keyDatabase() : { url: databaseUrl, drop: async () => {} };
  const busDatabase = await createTestDatabase({
    migrate: (url) => migratePostgresBus({ url, log: silent }),
    templateKey: 'bus',
  });
  const bus = createPostgresBus({ url: busDatabase.url, log: silent, now });
  const running: Running = await startKeyIssuance(
    {
      MERIDIAN_MODE: 'embedded',
      REGION: region,
      PUBLIC_LISTEN: '127.0.0.1:0',
      INTERNAL_LISTEN: '127.0.0.1:0',
      DATABASE_URL: database.url,
      EVENT_BUS_URL: busDatabase.url,
      SERVICE_KEY: pemOf(own.privateKey),
      SERVICE_KEYS: JSON.stringify({
        gateway: pemOf(gateway.publicKey),
        identity: pemOf(identity.publicKey),
        billing: pemOf(billing.publicKey),
      }),
      ISSUER: issuer,
      JWKS_URL: jwks.url,
      LOG_LEVEL: 'fatal',
      KEY_PEPPERS: JSON.stringify({ 1: `pepper-of-${region}-0123456789` }),
      ...env,
    },
    overrides,
  );

  const callers = { gateway, identity, billing };
  const tokensOf = (caller: keyof typeof callers) =>
    createServiceTokens({ service: caller, region, privateKey: callers[caller].privateKey, now });
  const tokens = { gateway: tokensOf('gateway'), identity: tokensOf('identity'), billing: tokensOf('billing') };

  const userToken = (accountId: string, claims: Record<string, unknown> = {}) =>
    new SignJWT({ region, sid: newId('ses', region, now()), ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'test' })
      .setIssuer(issuer)
      .setAudience('meridian')
      .setSubject(accountId)
      .setJti(randomUUID())
      .setIssuedAt(Math.floor(now().getTime() / 1_000))
      .setExpirationTime(Math.floor(now().getTime() / 1_000) + 300)
      .sign(users.privateKey);

  const sequences = new Map<string, number>();
  const recordOf = <E extends EventDefinition>(
    from: ServiceName,
    event: E,
    accountId: string,
    data: z.input<E['data']>,
  ): EventRecord => {
    const seq = (sequences.get(`${from}/${accountId}`) ?? 0) + 1;
    sequences.set(`${from}/${accountId}`, seq);
    const time = now();
    const id = newId('evt', region, time);
    const payload = JSON.stringify({
      specversion: '1.0',
      id,
      source: `${region}/${from}`,
      type: event.type,
      subject: accountId,
      time: time.toISOString(),
      datacontenttype: 'application/json',
      region,
      partitionkey: accountId,
      accountseq: seq,
      data,
    });
    return { topic: topicOf(region, from), key: accountId, eventId: id, payload };
  };

  return {
    running,
    region,
    databaseUrl: database.url,
    busUrl: busDatabase.url,
    userToken,
    serviceToken: (caller: keyof typeof tokens) => tokens[caller].tokenFor('key-issuance'),
    newAccount: () => newId('acc', region, now()),
    /** Calls as the account's owner. */
    asUser: async <E extends EndpointDefinition>(
      accountId: string,
      endpoint: E,
      options: Omit<CallOptions<E>, 'baseUrl' | 'token'>,
    ) =>
      call(endpoint, { ...options, baseUrl: running.publicUrl, token: await userToken(accountId) } as CallOptions<E>),
    /** Calls as another service. */
    asService: async <E extends EndpointDefinition>(
      caller: keyof typeof tokens,
      endpoint: E,
      options: Omit<CallOptions<E>, 'baseUrl' | 'token'>,
    ) =>
      call(endpoint, {
        ...options,
        baseUrl: running.internalUrl,
        token: await tokens[caller].tokenFor('key-issuance'),
      } as CallOptions<E>),
    emit: async <E extends EventDefinition>(from: ServiceName, event: E, accountId: string, data: z.input<E['data']>) =>
      bus.publish([recordOf(from, event, accountId, data)]),
    stop: async () => {
      await running.stop();
      await bus.close(1_000);
      await jwks.close();
      await Promise.all([database.drop(), busDatabase.drop()]);
    },
  };
};
export type Harness = Awaited<ReturnType<typeof startHarness>>;

/** Waits until `check` holds; fails after `ms`. */
export const waitFor = async (check: () => Promise<boolean>, ms = 5_000): Promise<void> => {
  const until = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > until) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};
