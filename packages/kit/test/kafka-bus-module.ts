// How the contract suite, and its children, make a Kafka bus.
import { createKafkaBus, type KafkaBusOptions } from '@meridian/kit/events/kafka-bus.ts';
import { failingOnClose } from '@meridian/testkit/event-bus/fatal-errors.ts';
import { log, now } from '@meridian/testkit/event-bus/parts.ts';
import { z } from 'zod';

const schema = z.object({ brokers: z.array(z.string()), partitions: z.number().optional() });

/** Faults are noticed sooner than in production. */
export const testTiming = {
  sessionMs: 10_000,
  handlerMs: 4_900,
  rebalanceMs: 10_000,
  fetchWaitMs: 100,
  watchdogMs: 30_000,
};

/** A bus of a test; a consumer that cannot go on fails its closing, unless the test expects it and gives `onFatal`. */
export const busOf = (brokers: readonly string[], options: Partial<KafkaBusOptions> = {}) =>
  failingOnClose((onFatal) =>
    createKafkaBus({
      brokers,
      clientId: 'test',
      log,
      now,
      requestTimeoutMs: 5_000,
      sendDeadlineMs: 10_000,
      timing: testTiming,
      onFatal,
      ...options,
    }),
  );

export const createBus = (config: unknown) => {
  const { brokers, ...options } = schema.parse(config);
  return busOf(brokers, { clientId: 'contract', ...options });
};
