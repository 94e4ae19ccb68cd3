// How the contract suite, and its children, make a Kafka bus.
import { createKafkaBus } from '@meridian/kit/events/kafka-bus.ts';
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

export const createBus = (config: unknown) =>
  createKafkaBus({
    ...schema.parse(config),
    clientId: 'contract',
    log,
    now,
    requestTimeoutMs: 5_000,
    sendDeadlineMs: 10_000,
    timing: testTiming,
    onFatal: (error) => {
      throw error; // must not happen in the contract: it fails the run
    },
  });
