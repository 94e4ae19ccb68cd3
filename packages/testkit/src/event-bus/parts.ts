// The parts of a scenario, made the same way in the suite and in a child that is going to be killed.
import { event } from '@meridian/contracts/event.ts';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { type Consumer, createConsumer } from '@meridian/kit/events/consumer.ts';
import type { EventBus } from '@meridian/kit/events/event-bus.ts';
import { publish } from '@meridian/kit/events/publish.ts';
import { type Reaction, reaction } from '@meridian/kit/events/reaction.ts';
import { createRelay, type Relay } from '@meridian/kit/events/relay.ts';
import type { Hit } from '@meridian/kit/failpoints.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createMetrics } from '@meridian/kit/telemetry/metrics.ts';
import { sql } from 'kysely';
import { z } from 'zod';
import type { HistorySchema } from './history.ts';
import { createScenarioLog } from './scenario-log.ts';

export const region = 'cn';
export const stepTaken = event({
  type: 'step-taken.v1',
  publishers: ['identity'],
  description: 'A step of a scenario',
  data: z.object({ n: z.number().int() }),
});
export const scenarioLog = createScenarioLog();
export const log = createLog({ service: 'test', region, level: 'debug', destination: scenarioLog.destination });
export const now = () => new Date();
export const newMetrics = () => createMetrics({ processMetrics: false });

export const openDatabase = (url: string): Database<HistorySchema> =>
  createDatabase({ url, poolSize: 8, log, applicationName: 'scenario' });

/** One change of an account with its event, in one transaction. */
export const takeStep = (db: Database<HistorySchema>, accountId: string, n: number): Promise<string> =>
  db.transaction(async (tx) => {
    const eventId = await publish(tx, { service: 'identity', region, now }, stepTaken, { accountId, data: { n } });
    await sql`insert into change (event_id, account_id, n) values (${eventId}, ${accountId}, ${n})`.execute(tx);
    return eventId;
  });

/** The effect of a step. */
export const effectOfStep = reaction<HistorySchema, typeof stepTaken>(
  stepTaken,
  async (tx, { id, accountId, data, seq }) => {
    await sql`insert into effect (event_id, account_id, n, seq) values (${id}, ${accountId}, ${data.n}, ${seq})`.execute(
      tx,
    );
  },
);

export const relayOf = (db: Database<HistorySchema>, bus: EventBus, topic: string, hit?: Hit): Relay =>
  createRelay({ db, bus, topic, log, metrics: newMetrics(), pollMs: 50, hit });

export const consumerOf = (
  db: Database<HistorySchema>,
  bus: EventBus,
  topic: string,
  options: {
    group: string;
    hit?: Hit;
    reactions?: Reaction<HistorySchema>[];
    metrics?: ReturnType<typeof newMetrics>;
    log?: typeof log;
  },
): Consumer =>
  createConsumer({
    service: 'billing',
    region,
    db,
    bus,
    topics: [topic],
    reactions: [effectOfStep],
    log,
    metrics: newMetrics(),
    now,
    housekeepingMs: 100,
    ...options,
  });
