// One key-issuance on databases of its own, with the tokens of its callers and the events of its neighbours.
import { type CallOptions, call } from '@meridian/client/client.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Overrides, Running } from '@meridian/kit/run/platform.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { createEventSender } from '@meridian/testkit/service/send-event.ts';
import { openTestEvents } from '@meridian/testkit/service/test-events.ts';
import { createTestIssuer } from '@meridian/testkit/test-issuer.ts';
import { migrations } from '../src/migrations.ts';
import { startKeyIssuance } from '../src/service.ts';

export const silent = createLog({ service: 'test', region: 'cn', level: 'silent' });
const issuer = 'http://api.cn.test';
export const foreignOf = (region: string) => (region === 'cn' ? 'global' : 'cn');

/** A database with this service's tables. */
export const keyDatabase = () =>
  createTestDatabase({ migrate: (url) => migrate({ url, migrations, log: silent }), templateKey: 'key-issuance' });

export type HarnessOptions = {
  readonly region?: string;
  /** The database of an earlier harness: a second replica. */
  readonly databaseUrl?: string;
  readonly env?: Record<string, string>;
  readonly overrides?: Overrides;
};

export const startHarness = async ({ region = 'cn', databaseUrl, env, overrides }: HarnessOptions = {}) => {
  const now = overrides?.now ?? (() => new Date());
  const tokens = await createTestIssuer({ region, foreignRegion: foreignOf(region), issuer, now });
  const jwks = await tokens.serve();
  const database = databaseUrl === undefined ? await keyDatabase() : { url: databaseUrl, drop: async () => {} };
  const events = await openTestEvents({ region, now });
  const close = async () => {
    await jwks.close();
    await Promise.all([database.drop(), events.close()]);
  };
  const running: Running = await startKeyIssuance(
    {
      MERIDIAN_MODE: 'embedded',
      REGION: region,
      PUBLIC_LISTEN: '127.0.0.1:0',
      INTERNAL_LISTEN: '127.0.0.1:0',
      DATABASE_URL: database.url,
      EVENT_BUS_URL: events.url,
      SERVICE_KEY: tokens.servicePrivatePem('key-issuance'),
      SERVICE_KEYS: JSON.stringify(tokens.servicePems),
      ISSUER: issuer,
      JWKS_URL: jwks.url,
      TRUSTED_PROXIES: '127.0.0.1',
      LOG_LEVEL: 'fatal',
      IDENTITY_URL: jwks.origin,
      KEY_PEPPERS: JSON.stringify({ 1: `pepper-of-${region}-0123456789` }),
      ...env,
    },
    { ...events.overrides, ...overrides },
  ).catch(async (error: unknown) => {
    await close();
    throw error;
  });

  let address = 0;
  return {
    running,
    region,
    tokens,
    databaseUrl: database.url,
    newAccount: () => newId('acc', region, now()),
    /** Calls as the account's owner, each time from another address: the flood guard is not what is tested. */
    asUser: async <E extends EndpointDefinition>(
      accountId: string,
      endpoint: E,
      options: Omit<CallOptions<E>, 'baseUrl' | 'token'>,
    ) => {
      address += 1;
      return call(endpoint, {
        ...options,
        baseUrl: running.publicUrl,
        headers: { 'x-forwarded-for': `10.0.${address >> 8}.${address & 255}` },
        token: await tokens.userToken({ accountId }),
      } as unknown as CallOptions<E>);
    },
    /** Calls as another service. */
    asService: async <E extends EndpointDefinition>(
      caller: ServiceName,
      endpoint: E,
      options: Omit<CallOptions<E>, 'baseUrl' | 'token'>,
    ) =>
      call(endpoint, {
        ...options,
        baseUrl: running.internalUrl,
        token: await tokens.serviceToken({ caller, audience: 'key-issuance' }),
      } as CallOptions<E>),
    emit: createEventSender({ bus: events.bus, region, now }),
    stop: async () => {
      await running.stop();
      await close();
    },
  };
};
export type Harness = Awaited<ReturnType<typeof startHarness>>;
