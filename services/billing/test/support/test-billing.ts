// The real service on a real database, with the sandbox's payment channels and stand-ins of its neighbours.

import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { topicOf } from '@meridian/contracts/event.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startSandbox } from '@meridian/sandbox/sandbox.ts';
import { createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { freePort } from '@meridian/testkit/free-port.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { createEventSender } from '@meridian/testkit/service/send-event.ts';
import { openTestEvents } from '@meridian/testkit/service/test-events.ts';
import { createTestIssuer } from '@meridian/testkit/test-issuer.ts';
import pg from 'pg';
import { startBilling } from '../../src/service.ts';
import { startNeighbours } from './neighbours.ts';

export type Region = 'cn' | 'global';

export type Answer = {
  readonly status: number;
  readonly body: Record<string, never> & { [name: string]: unknown };
  readonly headers: Headers;
};

export const startTestBilling = async (region: Region, { silentLog = true } = {}) => {
  let offset = 0;
  const now = () => new Date(Date.now() + offset);
  const [database, events, secrets, port, neighbours] = await Promise.all([
    createTestDatabase(),
    openTestEvents({ region, now }),
    createSandboxSecrets([region]),
    freePort(),
    startNeighbours(),
  ]);
  const sandbox = await startSandbox({
    secrets,
    http: { port: 0 },
    smtp: { port: 0 },
    now,
    models: [],
    staff: [],
    notifications: { timeScale: 0.000_01, timeoutMs: 5_000 },
    log: () => undefined,
  });
  const api = `http://127.0.0.1:${port}`;
  const issuer = await createTestIssuer({ region, foreignRegion: 'elsewhere', issuer: api, now });
  const jwks = await issuer.serve();
  const outside = sandbox.credentials[region];
  if (!outside) throw new Error('the sandbox has no such region');
  const env: Record<string, string> = {
    MERIDIAN_MODE: 'embedded',
    REGION: region,
    REGION_DIRECTORY: JSON.stringify({
      [region]: { name: region, addresses: { api, baseUrls: { payg: `${api}/v1`, plan: null } } },
      elsewhere: {
        name: 'Elsewhere',
        addresses: {
          api: 'https://api.elsewhere.example',
          baseUrls: { payg: 'https://model.elsewhere.example/v1', plan: null },
        },
      },
    }),
    PUBLIC_LISTEN: `127.0.0.1:${port}`,
    INTERNAL_LISTEN: '127.0.0.1:0',
    DATABASE_URL: database.url,
    EVENT_BUS_URL: events.url,
    SERVICE_KEY: issuer.servicePrivatePem('billing'),
    SERVICE_KEYS: JSON.stringify({
      identity: issuer.servicePems.identity,
      gateway: issuer.servicePems.gateway,
      moderation: issuer.servicePems.moderation,
      verification: issuer.servicePems.verification,
      'key-issuance': issuer.servicePems['key-issuance'],
    }),
    ISSUER: api,
    JWKS_URL: jwks.url,
    TRUSTED_PROXIES: '127.0.0.1',
    VERIFICATION_URL: neighbours.url,
    IDENTITY_URL: neighbours.url,
    PAYLOAD_KEY: Buffer.alloc(32, 7).toString('base64'),
    WECHAT_PAY_ENDPOINT: outside.wechatPay.baseUrl,
    WECHAT_PAY_MCHID: outside.wechatPay.mchId,
    WECHAT_PAY_APPID: outside.wechatPay.appId,
    WECHAT_PAY_SERIAL: outside.wechatPay.merchantSerial,
    WECHAT_PAY_PRIVATE_KEY: outside.wechatPay.merchantPrivateKey,
    WECHAT_PAY_API_V3_KEY: outside.wechatPay.apiV3Key,
    WECHAT_PAY_PLATFORM_KEYS: JSON.stringify(
      Object.fromEntries(outside.wechatPay.platformKeys.map((k) => [k.serial, k.publicKey])),
    ),
    WAFFO_ENDPOINT: outside.waffo.baseUrl,
    WAFFO_API_KEY: outside.waffo.apiKey,
    WAFFO_MERCHANT_ID: outside.waffo.merchantId,
    WAFFO_PRIVATE_KEY: outside.waffo.merchantPrivateKey,
    WAFFO_PUBLIC_KEY: outside.waffo.waffoPublicKey,
  };
  const log = createLog({ service: 'billing', region, level: silentLog ? 'silent' : 'info' });
  const overrides = { now, log, ...events.overrides };
  let running = await startBilling(env, overrides);
  const { bus } = events;
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });

  // The flood guard counts by address: every request of a test comes from another one.
  let sent = 0;
  const nextAddress = () => {
    sent += 1;
    return `10.${(sent >> 16) & 255}.${(sent >> 8) & 255}.${sent & 255}`;
  };
  const send = async (
    url: string,
    method: string,
    token: string | undefined,
    body?: unknown,
    key?: string,
  ): Promise<Answer> => {
    const answer = await fetch(url, {
      method,
      headers: {
        'x-forwarded-for': nextAddress(),
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(key && { 'idempotency-key': key }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : {}, headers: answer.headers };
  };

  return {
    region,
    env,
    api,
    issuer,
    pool,
    neighbours,
    sandbox,
    secrets,
    outside,
    now,
    internalUrl: () => running.internalUrl,
    moveClock: (ms: number) => {
      offset += ms;
    },
    newAccount: () => newId('acc', region, now()),
    newId: (prefix: string) => newId(prefix, region, now()),
    restart: async () => {
      await running.stop();
      running = await startBilling({ ...env }, overrides);
    },
    /** As the account, on the public listener. */
    as: async (accountId: string, method: string, path: string, body?: unknown, key?: string) =>
      send(`${api}${path}`, method, await issuer.userToken({ accountId }), body, key),
    /** As a service, on the internal listener. */
    from: async (caller: ServiceName, method: string, path: string, body?: unknown) =>
      send(`${running.internalUrl}${path}`, method, await issuer.serviceToken({ caller, audience: 'billing' }), body),
    control: async (method: string, path: string, body?: unknown) =>
      send(`${sandbox.origin}/control/${path}`, method, undefined, body),
    /** Publishes an event as another service would. */
    publish: createEventSender({ bus, region, now }),
    /** Collects what billing publishes of an account, in order. */
    published: async () => {
      const seen: { type: string; subject: string; data: Record<string, unknown> }[] = [];
      await bus.subscribe({
        group: `test-${Math.random().toString(36).slice(2)}`,
        topics: [topicOf(region, 'billing')],
        handler: async ({ payload }) => void seen.push(JSON.parse(payload)),
      });
      return (accountId: string) => seen.filter((event) => event.subject === accountId);
    },
    metric: async (name: string, labels = '') => {
      const text = await (await fetch(`${running.internalUrl}/metrics`)).text();
      const line = text.split('\n').find((l) => l.startsWith(`${name}${labels}`) || l.startsWith(`${name} `));
      return line === undefined ? 0 : Number(line.split(' ').at(-1));
    },
    rows: async <T extends pg.QueryResultRow>(query: string, values: unknown[] = []) =>
      (await pool.query<T>(query, values)).rows,
    stop: async () => {
      await running.stop();
      await pool.end();
      await Promise.all([sandbox.stop(), neighbours.stop(), jwks.close()]);
      await Promise.all([database.drop(), events.close()]);
    },
  };
};
export type TestBilling = Awaited<ReturnType<typeof startTestBilling>>;
