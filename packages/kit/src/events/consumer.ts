// Receives a service's events: refuses what is foreign, applies each once and in order, parks what cannot be applied.

import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import type { Envelope } from '@meridian/contracts/event.ts';
import { allEvents } from '@meridian/contracts/events/all.ts';
import type { Database } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';
import { errorCode, errorMessage } from '../error-code.ts';
import { type Hit, noFailpoints } from '../failpoints.ts';
import type { Now } from '../ids.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { scrub } from '../telemetry/redaction.ts';
import { isTransient } from '../transient.ts';
import { applyEvent, indexReactions, parkFailed } from './apply-event.ts';
import { createHousekeeping } from './consumer-housekeeping.ts';
import type { DeliveredRecord, EventBus, Subscription } from './event-bus.ts';
import type { Reaction } from './reaction.ts';
import { readEnvelope } from './read-record.ts';
import { backOff, wait } from './wait.ts';

export type ConsumerOptions<S extends KitSchema> = {
  service: ServiceName;
  region: string;
  /** The group, and the consumer's name in the inbox: never rename it, or everything is received again. Default: the service's name. */
  group?: string;
  db: Database<S>;
  bus: EventBus;
  topics: readonly string[];
  reactions: readonly Reaction<S>[];
  log: Logger;
  metrics: Metrics;
  now: Now;
  /** How often parked events are looked at and lag is measured; default 1 000 ms. */
  housekeepingMs?: number;
  hit?: Hit;
};

export type Consumer = { start(): Promise<void>; stop(): Promise<void> };

const eventsCommand = 'npm run events -- list (in its container: node packages/kit/src/run/events-command.ts list)';

// An unknown error may be a race or a programming error; a few tries tell them apart.
const triesBeforeParking = 3;

/** A consumer; `start` subscribes (later, if the bus is down), `stop` ends it after the event in hand. Transient faults are retried in place for ever. */
export const createConsumer = <S extends KitSchema>(options: ConsumerOptions<S>): Consumer => {
  const { region, db, bus, topics, log, metrics, now } = options;
  const group = options.group ?? options.service;
  const hit = options.hit ?? noFailpoints;
  const foreignTopic = topics.find((topic) => !topic.startsWith(`${region}.`));
  if (foreignTopic !== undefined) throw new Error(`topic ${foreignTopic} is not of region ${region}`);
  const reactions = indexReactions(options.reactions);
  const known = new Set<string>([...allEvents.map(({ type }) => type), ...reactions.keys()]);
  const deps = { db, consumer: group, reactions, known, hit };
  // There from the beginning: the increase of a counter that appears with its first event is not seen by whoever watches increases.
  metrics.eventGaps.inc({ group }, 0);
  metrics.eventsForeign.inc({ group }, 0);
  const housekeeping = createHousekeeping({
    ...deps,
    bus,
    log,
    metrics,
    now,
    everyMs: options.housekeepingMs ?? 1_000,
  });

  const parkBroken = async (record: DeliveredRecord, event: Envelope | undefined, err: unknown, attempts: number) => {
    const about = { eventId: record.eventId, accountId: record.key, payload: record.payload, attempts };
    const type = event?.type ?? 'unreadable';
    // Without an envelope the topic stands for the source; the sequence then shows a gap, which is held and alarmed.
    const place = { source: event?.source ?? record.topic, type, seq: event?.accountseq };
    const error = scrub(errorMessage(err));
    const outcome = await parkFailed(deps, { ...about, ...place, error });
    metrics.eventsHandled.inc({ group, type, outcome });
    if (outcome === 'late' && event) noteLate(event);
    if (outcome === 'parked') {
      metrics.eventsParked.inc({ group, type });
      log.error(
        { err, group, eventId: record.eventId, type, attempts },
        `event parked; later events of its account wait behind it; to decide: ${eventsCommand}`,
      );
    }
  };

  type Read = { event: Envelope } | { fault: unknown } | 'foreign';
  const read = (record: DeliveredRecord): Read => {
    try {
      return { event: readEnvelope(record, region) };
    } catch (fault) {
      return errorCode(fault) === 'event_foreign_region' ? 'foreign' : { fault };
    }
  };

  const unhandled = new Set<string>();
  /** Once per type: a publisher that is newer, or whose event concerns others, sends many. */
  const noteUnhandled = (type: string, outcome: 'ignored' | 'unknown') => {
    if (unhandled.has(type)) return;
    unhandled.add(type);
    if (outcome === 'ignored') log.warn({ group, type }, 'events of a type without a reaction here are skipped');
    else
      log.warn({ group, type }, 'events of a type that this version does not know are kept: deploy one that knows it');
  };

  /** It has no effect. After `accept-gap` that was decided; otherwise its publisher's numbers began again, and events are being lost. */
  const noteLate = ({ id, source, accountseq }: Envelope) =>
    log.error(
      { group, eventId: id, source, seq: accountseq },
      'event skipped: its number was used by another. After accept-gap it is the one that was missing; else the database of its publisher went back: docs/operations.md, "A database was restored"',
    );

  const attempt = async (record: DeliveredRecord, event: Envelope) => {
    const { outcome, released } = await applyEvent(deps, event, record.payload);
    metrics.eventsHandled.inc({ group, type: event.type, outcome });
    if (outcome === 'held') {
      metrics.eventGaps.inc({ group });
      log.error(
        { group, eventId: event.id, source: event.source, seq: event.accountseq },
        `event held: an earlier one of its account is missing; to look, or have it published again: ${eventsCommand}`,
      );
    }
    if (outcome === 'late') noteLate(event);
    if (outcome === 'ignored' || outcome === 'unknown') noteUnhandled(event.type, outcome);
    if (outcome === 'applied')
      metrics.eventAge.observe({ group }, Math.max(0, (now().getTime() - Date.parse(event.time)) / 1_000));
    if (released > 0) housekeeping.poke();
  };

  /** Tries once; answers undefined when done, else the fault that makes another try worthwhile. */
  const tryOnce = async (
    record: DeliveredRecord,
    found: Exclude<Read, 'foreign'>,
    tries: { permanent: number },
  ): Promise<unknown> => {
    const event = 'event' in found ? found.event : undefined;
    try {
      if ('fault' in found) throw found.fault;
      await attempt(record, found.event);
      return undefined;
    } catch (fault) {
      if (isTransient(fault)) return fault;
      tries.permanent += 1;
      if (errorCode(fault) !== 'event_contract' && tries.permanent < triesBeforeParking) return fault;
      try {
        await parkBroken(record, event, fault, tries.permanent);
        return undefined;
      } catch (parkingFault) {
        if (isTransient(parkingFault)) return parkingFault;
        throw parkingFault;
      }
    }
  };

  const handle = async (record: DeliveredRecord, signal: AbortSignal): Promise<void> => {
    const found = read(record);
    if (found === 'foreign') {
      metrics.eventsForeign.inc({ group });
      log.error({ group, topic: record.topic, eventId: record.eventId }, 'event of another region refused');
      return;
    }
    const tries = { permanent: 0 };
    for (let failures = 1; ; failures += 1) {
      const err = await tryOnce(record, found, tries);
      if (err === undefined) return;
      metrics.eventRetries.inc({ group });
      // At once, and then about every minute and a half.
      if (failures % 20 === 1) log.warn({ err, group, eventId: record.eventId, failures }, 'event will be tried again');
      await wait(backOff(failures, 50, 5_000), signal);
      // Not handled: the transport delivers it again, here or to another member.
      if (signal.aborted) throw err;
    }
  };

  let subscription: Subscription | undefined;
  let joining: Promise<void> | undefined;
  const stopping = new AbortController();
  const setJoined = (joined: boolean) => metrics.consumerJoined.set({ group }, joined ? 1 : 0);
  const notJoined = (err: unknown, failures: number, again: boolean) => {
    metrics.busFailures.inc({ code: errorCode(err) ?? 'unknown' });
    log.error({ err, group, failures }, `cannot join the event bus${again ? ', will try again' : ''}`);
  };
  const subscribe = async () => {
    let told = false;
    subscription = await bus.subscribe({
      group,
      topics,
      onMembership: (joined) => {
        told = true;
        setJoined(joined);
      },
      handler: async (record, { signal }) => {
        await handle(record, signal);
        await hit('after-commit-before-offset');
      },
    });
    if (!told) setJoined(true);
  };
  const keepJoining = async () => {
    for (let failures = 2; !stopping.signal.aborted && !subscription; failures += 1) {
      await wait(backOff(failures - 1, 200, 10_000), stopping.signal);
      if (stopping.signal.aborted) return;
      await subscribe().catch((err: unknown) => notJoined(err, failures, true));
    }
  };
  return {
    start: async () => {
      if (subscription || joining) return;
      setJoined(false);
      try {
        await subscribe();
      } catch (err) {
        // A bus that is down must not keep a service from starting: what it publishes waits in the outbox.
        const again = isTransient(err);
        notJoined(err, 1, again);
        if (!again) throw err;
        joining = keepJoining();
      }
      housekeeping.start();
    },
    stop: async () => {
      stopping.abort();
      await joining;
      await Promise.all([subscription?.stop(), housekeeping.stop()]);
      subscription = undefined;
      setJoined(false);
    },
  };
};
