// Composition root of the gateway: stateless, without a database.
import { baseUrlsIn } from '@meridian/client/key-origin.ts';
import { createOpenCalls } from '@meridian/client/open-calls.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createStatelessPlatform, type Overrides, type Running } from '@meridian/kit/run/platform.ts';
import { chatRoutes } from './chat/chat.routes.ts';
import { createMatchRoom } from './chat/match-room.ts';
import { readConfig } from './config.ts';
import { createReservations } from './metering/reservations.ts';
import { createSettlements } from './metering/settlements.ts';
import { modelRoutes } from './models/models.routes.ts';
import { renderOpenAiError } from './openai/render-error.ts';
import { createKeyChangeWatch } from './streams/watch-key-changes.ts';
import { createUpstream } from './upstream/upstream.ts';

/** For cut streams to end at their clients. */
const cutMs = 2_000;
const idleOnStopMs = 2_000;
const settleOnStopMs = 5_000;
const connectionGraceMs = 10_000;

export const startGateway = async (
  env: Record<string, string | undefined>,
  overrides?: Overrides,
): Promise<Running> => {
  const {
    config,
    region: { id: region, profile, directory },
  } = readConfig(env, overrides?.now);
  const now = overrides?.now ?? (() => new Date());
  const platform = await createStatelessPlatform({
    service: 'gateway',
    region,
    directory,
    corsOrigins: profile.corsOrigins,
    config,
    overrides,
    render: renderOpenAiError,
    newRequestId: () => newId('req', region, now()),
  });
  const { call, log, metrics } = platform;
  const unseen = metrics.counter('gateway_unmoderated_total', 'ALARM: calls passed without moderation', ['step']);
  // From zero: a series that begins with its first event shows no increase.
  for (const step of ['match', 'score'] as const) unseen.inc({ step }, 0);
  const refused = metrics.counter('gateway_refused_unmoderated_total', 'Calls refused: their text was not looked at', [
    'step',
  ]);
  const lost = metrics.counter(
    'gateway_settlements_lost_total',
    'ALARM: settlements left to the expiry of their hold',
    [],
  );
  const billingUrl = config.BILLING_URL;
  const keyIssuanceUrl = config.KEY_ISSUANCE_URL;
  const calls = createOpenCalls(config.MAX_STREAMS);
  const watch = createKeyChangeWatch({ call, log, calls, keyIssuanceUrl, silenceMs: config.KEY_CHANGES_SILENCE_MS });
  const settlements = createSettlements({ call, log, billingUrl, lost: () => lost.inc() });
  const reservations = createReservations({ call, log, keyIssuanceUrl });
  const upstream = createUpstream({
    url: config.UPSTREAM_URL,
    apiKey: config.UPSTREAM_API_KEY,
    firstByteMs: config.UPSTREAM_FIRST_BYTE_MS,
    idleMs: config.UPSTREAM_IDLE_MS,
    maxConnections: config.MAX_STREAMS,
  });
  const door = {
    origin: { region, product: config.PRODUCT },
    baseUrlOf: baseUrlsIn(directory),
  };

  chatRoutes(platform.publicServer, {
    ...platform,
    door,
    calls,
    keyChanges: watch,
    upstream,
    settlements,
    reservations,
    now,
    billingUrl,
    keyIssuanceUrl,
    moderationUrl: config.MODERATION_URL,
    moderationTimeoutMs: config.MODERATION_TIMEOUT_MS,
    matchRoom: createMatchRoom(),
    passedUnseen: (step) => unseen.inc({ step }),
    refusedUnseen: (step) => refused.inc({ step }),
    windowSize: config.OUTPUT_WINDOW,
    defaultMaxTokens: config.DEFAULT_MAX_TOKENS,
    connectionIdleMs: config.UPSTREAM_FIRST_BYTE_MS + connectionGraceMs,
  });
  modelRoutes(platform.publicServer, {
    call,
    log,
    now,
    door,
    keyIssuanceUrl,
    models: profile.models.map((m) => m.model),
  });

  // Before the door opens: the first call then seldom waits for the first news of keys.
  watch.start();
  let cut: NodeJS.Timeout | undefined;
  return platform
    .start({
      // Streams get their time, then they are cut; what was delivered is settled before the process ends.
      closing: () => {
        cut = setTimeout(() => calls.drain(), config.DRAIN_MS);
      },
      answersMs: config.DRAIN_MS + cutMs,
      steps: [
        // First: its poll would be waited for otherwise, and there is no stream left to end.
        { name: 'key changes', stop: () => watch.stop() },
        {
          name: 'open calls',
          stop: async () => {
            clearTimeout(cut);
            await calls.idle(idleOnStopMs);
          },
        },
        {
          name: 'settlements',
          stop: async () => {
            await Promise.all([settlements.drained(settleOnStopMs), reservations.drained(settleOnStopMs)]);
          },
        },
        { name: 'upstream', stop: () => upstream.close() },
      ],
      stepsMs: idleOnStopMs + settleOnStopMs,
    })
    .catch(async (error: unknown) => {
      await watch.stop();
      throw error;
    });
};
