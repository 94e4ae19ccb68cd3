// What every service's composition root starts from: log, metrics, database, events, tokens and the two listeners, wired once.
import { type CallAnswer, type CallOptions, call } from '@meridian/client/client.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import { type EventDefinition, topicOf } from '@meridian/contracts/event.ts';
import { exportJWK } from 'jose';
import type { Migration } from 'kysely/migration';
import type { DestinationStream } from 'pino';
import { cleanSessionEnds, refuseEnded, sessionEnds } from '../account/standing.ts';
import { createIntrospection } from '../auth/introspection.ts';
import { remoteKeys } from '../auth/remote-keys.ts';
import { createServiceTokens } from '../auth/service-tokens.ts';
import { createServiceVerifier } from '../auth/service-verifier.ts';
import { createStaffVerifier } from '../auth/staff-verifier.ts';
import { createUserVerifier } from '../auth/user-verifier.ts';
import { assertApplicationRole } from '../db/application-role.ts';
import { createDatabase, type Database, type Tx } from '../db/database.ts';
import { assertMigrated, migrate } from '../db/migrate.ts';
import type { KitSchema } from '../db/schema.ts';
import { createConsumer } from '../events/consumer.ts';
import { migratePostgresBus } from '../events/postgres-bus.ts';
import { type EventMessage, publish } from '../events/publish.ts';
import type { Reaction } from '../events/reaction.ts';
import { createRelay } from '../events/relay.ts';
import type { Verifiers } from '../http/authenticate.ts';
import { cleanIdempotencyKeys } from '../http/idempotency.ts';
import type { ProblemRenderer } from '../http/problems.ts';
import { createRegionWall, type Directory, type RegionWall } from '../http/region-wall.ts';
import { createServer, type HttpServer } from '../http/server.ts';
import type { Now } from '../ids.ts';
import { createLog, type Logger } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { type Background, createBackground } from './background.ts';
import { watchCertificate } from './certificate-expiry.ts';
import { isKafka, openBus } from './open-bus.ts';
import type { PlatformConfig, SharedConfig } from './platform-variables.ts';
import { assertMode, regionDispatcher, regionTls } from './production.ts';
import { type Running as Life, type StopStep, stopInOrder } from './run.ts';
import { callsStep, deadlineOf, httpStep, pauseOf, type Stopping } from './stopping.ts';

/** A started service. `publicUrl` and `internalUrl` are the origins of its listeners. */
export type Running = Life & { readonly publicUrl: string; readonly internalUrl: string };

/** What a test or the all-in-one start may replace. */
export type Overrides = {
  readonly now?: Now;
  readonly log?: Logger;
  readonly destination?: DestinationStream;
  readonly verifiers?: Verifiers;
  readonly openBus?: typeof openBus;
  /** Waits while a service that stops is not ready and still serves. */
  readonly pause?: (ms: number) => Promise<unknown>;
};

export type CoreOptions = {
  readonly service: ServiceName;
  readonly region: string;
  readonly directory: Directory;
  readonly corsOrigins: readonly string[];
  readonly config: SharedConfig;
  readonly overrides?: Overrides;
  readonly render?: ProblemRenderer;
  /** Internal address of identity, for endpoints that are declared `introspect`. */
  readonly identityUrl?: string;
  /** Makes the ids of requests on the public listener. */
  readonly newRequestId?: () => string;
};

export type Core = {
  readonly service: ServiceName;
  readonly region: string;
  readonly now: Now;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly publicServer: HttpServer;
  readonly internalServer: HttpServer;
  /** Calls another service's internal endpoint with a token of this service. */
  readonly call: <E extends EndpointDefinition>(endpoint: E, options: CallOptions<E>) => Promise<CallAnswer<E>>;
  readonly every: Background['every'];
  /** Refuses ids of other regions: what a route is given from outside and looks up goes through it first. */
  readonly wall: RegionWall;
};

const buildCore = async <S extends KitSchema>(options: CoreOptions, db?: Database<S>) => {
  const { service, region, directory, config, overrides = {} } = options;
  const now = overrides.now ?? (() => new Date());
  assertMode(service, config, now());
  const tls = regionTls(config);
  const dispatcher = regionDispatcher(tls);
  const log =
    overrides.log ??
    createLog({
      service,
      region,
      level: config.LOG_LEVEL,
      ...(overrides.destination && { destination: overrides.destination }),
    });
  const metrics = createMetrics({ processMetrics: config.MERIDIAN_MODE !== 'embedded' });
  watchCertificate(metrics, tls, now);
  const keys = remoteKeys(config.JWKS_URL, { allowInsecure: config.MERIDIAN_MODE === 'embedded', dispatcher });
  const rules = { region, now, directory };
  const publicKeys = await Promise.all(
    Object.entries(config.SERVICE_KEYS).map(async ([name, key]) => [name, await exportJWK(key)] as const),
  );
  const tokens = createServiceTokens({ service, region, privateKey: config.SERVICE_KEY, now });
  const serviceCall: Core['call'] = async (endpoint, callOptions) =>
    call(endpoint, { dispatcher, ...callOptions, token: await tokens.tokenFor(endpoint.service) });
  const verifyUser = createUserVerifier({ ...rules, issuer: config.ISSUER, audience: 'meridian', keys });
  const verifiers: Verifiers = {
    verifyUser: async (token) => {
      const user = await verifyUser(token);
      // An access token outlives its session and its account by minutes; what identity told of their end is asked every time.
      if (db) await refuseEnded(db, user);
      return user;
    },
    ...(options.identityUrl !== undefined && {
      introspectUser: createIntrospection({ call: serviceCall, identityUrl: options.identityUrl }),
    }),
    verifyStaff: createStaffVerifier({ ...rules, issuer: config.ISSUER, keys }),
    verifyService: createServiceVerifier({ ...rules, service, keys: Object.fromEntries(publicKeys) }),
    ...overrides.verifiers,
  };
  const server = (listener: 'public' | 'internal') =>
    createServer({
      service,
      region,
      log,
      metrics,
      now,
      listener,
      trustedProxies: config.TRUSTED_PROXIES,
      corsOrigins: options.corsOrigins,
      production: config.MERIDIAN_MODE !== 'embedded',
      // Embedded, a region's services, the sandbox and whoever tests them share one event loop: its delay says nothing about one service.
      ...(config.MERIDIAN_MODE === 'embedded' && { maxEventLoopDelayMs: 0 }),
      ...verifiers,
      ...(tls && { tls }),
      ...(db && { idempotency: db }),
      ...(listener === 'public' && { render: options.render, newRequestId: options.newRequestId }),
    });
  const background = createBackground(log, metrics);
  const core: Core = {
    service,
    region,
    now,
    log,
    metrics,
    publicServer: server('public'),
    internalServer: server('internal'),
    call: serviceCall,
    every: background.every,
    wall: createRegionWall(region, directory),
  };
  /**
   * Starts `begin`, then the listeners. Stops in this order: HTTP, background jobs, the service's own steps, `events`, calls of other services,
   * `store`: whatever may still be at work in one of them finds everything that comes after it.
   */
  const run = async (options: {
    readonly stopping: Stopping;
    readonly begin?: () => Promise<void>;
    readonly events?: readonly StopStep[];
    readonly store?: readonly StopStep[];
  }): Promise<Running> => {
    const { stopping, begin, events = [], store = [] } = options;
    const pauseMs = pauseOf(config);
    const stop = (pause: number) =>
      stopInOrder(
        [
          httpStep([core.publicServer, core.internalServer], pause, stopping, overrides.pause),
          { name: 'background', stop: () => background.stop() },
          ...(stopping.steps ?? []),
          ...events,
          callsStep(dispatcher),
          ...store,
        ],
        log,
      );
    try {
      await begin?.();
      const internal = await core.internalServer.listen(config.INTERNAL_LISTEN);
      const open = await core.publicServer.listen(config.PUBLIC_LISTEN);
      background.start();
      const addresses = { public: open.url, internal: internal.url };
      const stopWithinMs = deadlineOf(pauseMs, stopping);
      return { publicUrl: open.url, internalUrl: internal.url, addresses, stopWithinMs, stop: () => stop(pauseMs) };
    } catch (error) {
      // Closes what was opened. Steps that fail have said so in the log; what is thrown is why the start failed.
      await stop(0).catch(() => undefined);
      throw error;
    }
  };
  return { core, run };
};

/** A service without a database: the gateway. */
export const createStatelessPlatform = async (options: CoreOptions) => {
  const { core, run } = await buildCore(options);
  return { ...core, start: (stopping: Stopping = {}): Promise<Running> => run({ stopping }) };
};

export type PlatformOptions = Omit<CoreOptions, 'config'> & {
  readonly config: PlatformConfig;
  readonly migrations: Record<string, Migration>;
};

export type Platform<S extends KitSchema> = Core & {
  readonly db: Database<S>;
  /** Writes an event into the outbox of the running transaction; returns its id. */
  readonly publish: <E extends EventDefinition>(tx: Tx<S>, event: E, message: EventMessage<E>) => Promise<string>;
  /** Migrates (embedded mode), then starts relay, consumer, jobs and listeners. Call it once, after the routes are added. */
  readonly start: (options: {
    readonly listensTo: readonly ServiceName[];
    readonly reactions: readonly Reaction<S>[];
    /** Runs after the migrations and before anything else: first signing key, price book and the like. */
    readonly prepare?: () => Promise<void>;
    readonly stopping?: Stopping;
  }) => Promise<Running>;
};

/** A service with a database of its own. Nothing is reached before `start`. */
export const createPlatform = async <S extends KitSchema>(options: PlatformOptions): Promise<Platform<S>> => {
  const { service, region, config, migrations, overrides } = options;
  const log =
    overrides?.log ??
    createLog({
      service,
      region,
      level: config.LOG_LEVEL,
      ...(overrides?.destination && { destination: overrides.destination }),
    });
  const db = createDatabase<S>({
    url: config.DATABASE_URL,
    poolSize: config.DATABASE_POOL,
    log,
    applicationName: service,
  });
  const { core, run } = await buildCore({ ...options, overrides: { ...overrides, log } }, db);
  const { now, metrics } = core;
  const open = overrides?.openBus ?? openBus;
  const bus = open({ address: config.EVENT_BUS_URL, tls: regionTls(config), service, log, now });
  const relay = createRelay({ db, bus, topic: topicOf(region, service), log, metrics });
  core.every(60_000, 'clean idempotency keys', () => cleanIdempotencyKeys(db, now));
  core.every(600_000, 'clean session ends', () => cleanSessionEnds(db, now()));
  for (const server of [core.publicServer, core.internalServer])
    server.addCheck('database', async () => void (await db.pool.query('select 1')));
  return {
    ...core,
    db,
    publish: (tx, event, message) => publish(tx, { service, region, now }, event, message),
    start: ({ listensTo, reactions, prepare, stopping = {} }) => {
      const topics = listensTo.map((publisher) => topicOf(region, publisher));
      const all = listensTo.includes('identity') ? [...reactions, sessionEnds<S>()] : reactions;
      const consumer =
        topics.length > 0
          ? createConsumer<S>({ service, region, group: service, db, bus, topics, reactions: all, log, metrics, now })
          : undefined;
      const begin = async () => {
        if (config.MERIDIAN_MODE === 'embedded') {
          await migrate({ url: config.DATABASE_URL, migrations, log });
          if (!isKafka(config.EVENT_BUS_URL)) await migratePostgresBus({ url: config.EVENT_BUS_URL, log });
        } else {
          await assertMigrated({ url: config.DATABASE_URL, migrations, service });
          await assertApplicationRole({ url: config.DATABASE_URL, service });
        }
        await prepare?.();
        relay.start();
        await consumer?.start();
      };
      return run({
        stopping,
        begin,
        events: [
          { name: 'consumer', stop: () => consumer?.stop() },
          { name: 'relay', stop: () => relay.stop() },
          { name: 'bus', stop: () => bus.close(5_000) },
        ],
        store: [{ name: 'database', stop: () => db.close() }],
      });
    },
  };
};
