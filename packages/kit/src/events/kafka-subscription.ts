// One member of a group. In order per partition; an offset is committed only after everything before it was handled, so that a member
// that lost its partition without knowing can move an offset back (duplicates) but never past what was not handled.
import { errorMessage } from '../error-code.ts';
import type { Logger } from '../telemetry/log.ts';
import { atMost } from './deadline.ts';
import type { DeliveredRecord, RecordHandler, Subscription } from './event-bus.ts';
import type { EachBatchPayload, Kafka, KafkaMessage } from './kafka-client.ts';
import { kafkaError } from './kafka-error.ts';
import { createOffsets } from './kafka-offsets.ts';
import { eventIdHeader } from './kafka-producer.ts';
import { createWatchdog } from './kafka-watchdog.ts';
import { backOff } from './wait.ts';

export type KafkaTiming = {
  /** How long a dead member keeps its partitions. */
  sessionMs: number;
  /** Longest time for one try of one record, less than half a session: what takes longer is given up and tried again. */
  handlerMs: number;
  /** How long a rebalance waits for members; at least the longest handler. */
  rebalanceMs: number;
  /** How long a fetch waits for records; also how soon a member notices that it shall stop. */
  fetchWaitMs: number;
  /** No progress for so long while there is something to do: the member is taken for dead. At least twice a rebalance, in which nobody beats. */
  watchdogMs: number;
};

/** Throws when the times do not fit each other: a healthy member would be taken for dead, or a dead one for healthy. */
export const assertTiming = ({ sessionMs, handlerMs, rebalanceMs, watchdogMs }: KafkaTiming): void => {
  if (handlerMs >= sessionMs / 2)
    throw new Error(`handlerMs (${handlerMs}) must be less than half of sessionMs (${sessionMs})`);
  if (watchdogMs < 2 * rebalanceMs)
    throw new Error(`watchdogMs (${watchdogMs}) must be at least twice rebalanceMs (${rebalanceMs})`);
};

type Options = {
  client: Kafka;
  log: Logger;
  group: string;
  topics: readonly string[];
  handler: RecordHandler;
  timing: KafkaTiming;
  /** Partitions handled side by side. */
  concurrency: number;
  /** Records not handled on the given partitions; throws when the brokers do not answer. */
  lagOf: (partitions: ReadonlyMap<string, readonly number[]>) => Promise<bigint>;
  /** The member cannot go on in this process. */
  onFatal: (error: Error) => void;
  /** It joined the group, or lost the brokers and joins again by itself. */
  onMembership?: (joined: boolean) => void;
};

const commitEveryMs = 200;
const mostIdLength = 200;

// Whatever other programs may have written: PostgreSQL's text knows no NUL, and an id must fit into an index. Valid JSON has no raw NUL.
const textOf = (bytes: Buffer | string | null | undefined) => (bytes ?? '').toString().replaceAll('\0', '\uFFFD');

const recordOf = (topic: string, partition: number, message: KafkaMessage): DeliveredRecord => {
  const header = message.headers?.[eventIdHeader];
  const id = textOf(Array.isArray(header) ? header[0] : header).slice(0, mostIdLength);
  return {
    topic,
    key: textOf(message.key).slice(0, mostIdLength),
    eventId: id === '' ? `${topic}/${partition}/${message.offset}` : id,
    payload: textOf(message.value),
    partition,
    offset: BigInt(message.offset),
  };
};

export type KafkaSubscription = Subscription & {
  /** Stops without waiting for the record in hand longer than `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
};

/** Joins the group; throws a KafkaError when the brokers cannot be reached. Later faults are repeated or reported by `onFatal`. */
export const createKafkaSubscription = async (options: Options): Promise<KafkaSubscription> => {
  const { client, log, group, topics, handler, timing } = options;
  const heartbeatMs = Math.min(3_000, timing.sessionMs / 4);
  const consumer = client.consumer({
    groupId: group,
    allowAutoTopicCreation: false,
    sessionTimeout: timing.sessionMs,
    heartbeatInterval: heartbeatMs,
    rebalanceTimeout: timing.rebalanceMs,
    maxWaitTimeInMs: timing.fetchWaitMs,
    metadataMaxAge: 30_000,
    retry: { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000, restartOnFailure: async () => true },
  });
  const stopping = new AbortController();
  const abandoning = new AbortController();
  // Ends with each rebalance: who waits in a handler gives up, and nothing more is begun on partitions that may be another's now.
  let epoch = new AbortController();
  /** Counts the assignments of this member: what was begun under an earlier one says nothing about the partitions of this one. */
  let generation = 0;
  const failures = new Map<string, number>();
  /** Partitions that wait for the next try of a record. */
  const pauses = new Map<string, NodeJS.Timeout>();
  const inHand = new Set<Promise<void>>();
  const endEpoch = () => {
    epoch.abort();
    epoch = new AbortController();
  };
  const watchdog = createWatchdog({
    quietMs: timing.watchdogMs,
    inHand: () => inHand.size > 0,
    paused: (topic, partition) => pauses.has(`${topic}/${partition}`),
    lagOf: options.lagOf,
    onQuiet: (error) => fatal(error),
  });
  const fatal = (error: Error) => {
    if (stopping.signal.aborted) return;
    log.fatal({ err: error, group }, 'the event consumer cannot go on');
    watchdog.stop();
    options.onFatal(error);
  };

  // Of the latest batch. The consumer's own commitOffsets would repeat a commit after a join, with old offsets in the new generation; this one tries
  // once, and what is late is refused by the broker.
  let commit: EachBatchPayload['commitOffsetsIfNecessary'] = async () => undefined;
  const offsets = createOffsets({
    commit: (some) => {
      const topics = Map.groupBy(some, ({ topic }) => topic);
      return commit({ topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })) });
    },
    everyMs: commitEveryMs,
    log,
  });

  consumer.on(consumer.events.REBALANCING, endEpoch);
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    endEpoch();
    generation += 1;
    offsets.forget();
    if (!stopping.signal.aborted) options.onMembership?.(true);
    watchdog.joined(new Map(Object.entries(payload.memberAssignment)));
    log.info({ group, assigned: payload.memberAssignment }, 'joined the group');
    // A start that kafkajs had under way when it was stopped.
    if (stopping.signal.aborted) void atMost(consumer.disconnect(), 5_000);
  });
  consumer.on(consumer.events.HEARTBEAT, watchdog.alive);
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    options.onMembership?.(false);
    if (!payload.restart) return fatal(kafkaError(payload.error, `consuming as group ${group}`));
    if (!stopping.signal.aborted)
      log.warn({ group, reason: errorMessage(payload.error) }, 'event consumer lost the brokers, joins again');
  });

  /** Repeats the record after a pause of its partition, while others go on. */
  const putOff = (lane: string, pause: () => () => void, err: unknown) => {
    const count = (failures.get(lane) ?? 0) + 1;
    failures.set(lane, count);
    log.warn({ err, group, partition: lane, failures: count }, 'delivery failed, will be repeated');
    const resume = pause();
    const timer = setTimeout(
      () => {
        pauses.delete(lane);
        resume();
      },
      backOff(count, 100, 5_000),
    );
    pauses.set(lane, timer);
  };

  /** One try, at most `handlerMs`. A handler that does not give up in time is left behind; the inbox lets only one of its tries take effect. */
  const tryOnce = async (record: DeliveredRecord, signal: AbortSignal) => {
    const given = new AbortController();
    const work = handler(record, { signal: AbortSignal.any([signal, given.signal]) });
    let giveUp = (_: Error) => {};
    // Of its own for each try: whatever waited on one promise of the whole subscription would stay in memory with it.
    const ended = new Promise<void>((resolve, reject) => {
      giveUp = reject;
      work.then(resolve, reject);
    });
    const tooLong = () => giveUp(new Error(`the handler did not end within ${timing.handlerMs} ms`));
    const closed = () => giveUp(new Error('closed before the record was handled'));
    const timer = setTimeout(tooLong, timing.handlerMs);
    abandoning.signal.addEventListener('abort', closed, { once: true });
    if (abandoning.signal.aborted) closed();
    try {
      await ended;
    } catch (error) {
      given.abort();
      throw error;
    } finally {
      clearTimeout(timer);
      abandoning.signal.removeEventListener('abort', closed);
    }
  };

  const handleBatch = async (payload: EachBatchPayload) => {
    const { batch, resolveOffset, heartbeat, isRunning, isStale, pause } = payload;
    const { topic, partition } = batch;
    const lane = `${topic}/${partition}`;
    const mine = epoch;
    const begunIn = generation;
    const began = performance.now();
    const signal = AbortSignal.any([stopping.signal, mine.signal]);
    let fault: unknown;
    const beating = setInterval(() => {
      heartbeat().catch((error: unknown) => {
        fault ??= error;
        if (epoch === mine) endEpoch();
      });
    }, heartbeatMs / 2);
    try {
      for (const message of batch.messages) {
        if (signal.aborted || !isRunning() || isStale()) break;
        // Other partitions wait for the whole batch; what is left of it is fetched again.
        if (performance.now() - began > timing.handlerMs) break;
        try {
          await tryOnce(recordOf(topic, partition, message), signal);
        } catch (err) {
          // Nothing may escape to kafkajs: it would stop for a TypeError and count its tries for anything else.
          if (!signal.aborted) putOff(lane, pause, err);
          break;
        }
        failures.delete(lane);
        watchdog.progressed(topic, partition);
        if (!mine.signal.aborted) resolveOffset(message.offset);
        if (generation === begunIn && !abandoning.signal.aborted)
          offsets.handled(topic, partition, BigInt(message.offset) + 1n);
      }
      // Before the partitions go to another member, it should know how far this one came.
      if (signal.aborted && !abandoning.signal.aborted) await atMost(offsets.flush(), 2_000);
    } finally {
      clearInterval(beating);
    }
    // kafkajs's own error: it joins again or connects again.
    if (fault !== undefined) throw fault;
  };

  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.concurrency,
      eachBatch: (payload) => {
        watchdog.progressed(payload.batch.topic, payload.batch.partition);
        commit = payload.commitOffsetsIfNecessary;
        const work = handleBatch(payload);
        inHand.add(work);
        return work.finally(() => inHand.delete(work));
      },
    });
  } catch (error) {
    stopping.abort();
    watchdog.stop();
    offsets.stop();
    void atMost(consumer.disconnect(), 5_000);
    throw kafkaError(error, `joining group ${group}`);
  }
  watchdog.start();

  let left: Promise<void> | undefined;
  const leave = () => {
    stopping.abort();
    watchdog.stop();
    for (const timer of pauses.values()) clearTimeout(timer);
    left ??= Promise.allSettled([...inHand])
      .then(() => atMost(offsets.flush(), 2_000))
      .then(() => {
        offsets.stop();
        return atMost(consumer.disconnect(), 10_000);
      });
    return left;
  };
  return {
    stop: leave,
    close: async (deadlineMs) => {
      const gone = leave();
      await atMost(gone, deadlineMs);
      abandoning.abort();
      await atMost(gone, 2_000);
    },
  };
};
