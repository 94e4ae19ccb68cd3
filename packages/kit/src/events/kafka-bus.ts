// The production transport: Apache Kafka through kafkajs. Only kafka-client.ts knows the client; no type of it leaves the adapter.
import type { Now } from '../ids.ts';
import type { EventBus } from './event-bus.ts';
import { createKafkaAdmin } from './kafka-admin.ts';
import { createKafkaClient, type KafkaConnection } from './kafka-client.ts';
import { kafkaLag } from './kafka-lag.ts';
import { createKafkaProducer } from './kafka-producer.ts';
import {
  assertTiming,
  createKafkaSubscription,
  type KafkaSubscription,
  type KafkaTiming,
} from './kafka-subscription.ts';
import { countPartitions } from './kafka-topics.ts';

export type KafkaBusOptions = KafkaConnection & {
  readonly now: Now;
  /** Partitions every topic must have; a topic with another count is refused (`topic_partitions`). Default: any count. */
  readonly partitions?: number;
  /** Partitions handled side by side per subscription; default 4. */
  readonly concurrency?: number;
  /** Longest time for one send with its repetitions; default 30 000 ms. */
  readonly sendDeadlineMs?: number;
  readonly timing?: Partial<KafkaTiming>;
  /** A consumer cannot go on: the process must end and be started again. It must not return to work. */
  readonly onFatal: (error: Error) => void;
};

const defaultTiming: KafkaTiming = {
  sessionMs: 30_000,
  handlerMs: 14_000,
  rebalanceMs: 60_000,
  fetchWaitMs: 500,
  watchdogMs: 150_000,
};

// GROUP_ID_NOT_FOUND: https://kafka.apache.org/protocol.html#protocol_error_codes
const unknownGroup = 69;
const isUnknownGroup = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'groups' in error &&
  Array.isArray(error.groups) &&
  error.groups.every((one: { errorCode?: number }) => one.errorCode === unknownGroup);

/** An EventBus on a Kafka cluster whose topics exist (`ensureTopics`). Nothing is connected before use. */
export const createKafkaBus = (options: KafkaBusOptions): EventBus => {
  const { log, now } = options;
  const timing = { ...defaultTiming, ...options.timing };
  assertTiming(timing);
  const client = createKafkaClient(options);
  const admin = createKafkaAdmin(client);
  const asDeclared = (topic: string) => countPartitions(admin, topic, options.partitions);
  const producer = createKafkaProducer({
    client,
    log,
    countPartitions: asDeclared,
    deadlineMs: options.sendDeadlineMs ?? 30_000,
  });
  const subscriptions = new Set<KafkaSubscription>();
  // Kafka knows a group's topics only once something was committed.
  const topicsOfGroup = new Map<string, Set<string>>();
  const lag = (group: string) =>
    admin.ask(`asking for the lag of ${group}`, (asked) =>
      kafkaLag(asked, group, [...(topicsOfGroup.get(group) ?? [])], now),
    );

  return {
    publish: (records) => producer.publish(records),

    subscribe: async ({ group, topics, handler, onMembership }) => {
      await Promise.all(topics.map(asDeclared));
      topicsOfGroup.set(group, new Set([...(topicsOfGroup.get(group) ?? []), ...topics]));
      const subscription = await createKafkaSubscription({
        client,
        log,
        group,
        topics,
        handler,
        concurrency: options.concurrency ?? 4,
        timing,
        lagOf: async (assigned) =>
          (await lag(group))
            .filter(({ topic, partition }) => assigned.get(topic)?.includes(partition))
            .reduce((sum, { records }) => sum + records, 0n),
        onFatal: options.onFatal,
        onMembership,
      });
      subscriptions.add(subscription);
      return {
        stop: async () => {
          subscriptions.delete(subscription);
          await subscription.stop();
        },
      };
    },

    // A group without offsets begins at the beginning.
    seekToBeginning: (group) =>
      admin.ask(`rewinding group ${group} (it must have no running member)`, async (asked) => {
        await asked.deleteGroups([group]).catch((error: unknown) => {
          if (!isUnknownGroup(error)) throw error;
        });
      }),

    lag,

    health: () => admin.ask('asking the brokers', async (asked) => void (await asked.describeCluster())),

    close: async (deadlineMs) => {
      const deadline = performance.now() + deadlineMs;
      const left = () => Math.max(0, deadline - performance.now());
      await Promise.all([...subscriptions].map((subscription) => subscription.close(left())));
      subscriptions.clear();
      await Promise.all([producer.close(Math.max(500, left())), admin.close(Math.max(500, left()))]);
      log.debug('kafka bus closed');
    },
  };
};
