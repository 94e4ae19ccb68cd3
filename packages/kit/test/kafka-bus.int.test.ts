import { afterAll, beforeAll } from '@jest/globals';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { log } from '@meridian/testkit/event-bus/parts.ts';
import { eventBusContract } from '@meridian/testkit/event-bus-suite.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { startKafka } from '@meridian/testkit/kafka/start-kafka.ts';

const given = process.env.KAFKA_BROKERS?.split(',').map((broker) => broker.trim());

/** Given brokers are used as they are; they are not ours to kill. */
const openBrokers = async () => {
  if (given) return { brokers: given, disconnect: async () => 0, stop: async () => undefined };
  const kafka = await startKafka({ brokers: 1 });
  return {
    brokers: kafka.proxied,
    disconnect: async () => kafka.proxies.reduce((sum, proxy) => sum + proxy.cut(), 0),
    restart: async () => {
      await kafka.kill();
      await kafka.restart();
    },
    stop: kafka.stop,
  };
};

describeNeeding('kafka', await kafkaAvailable(), 'contract', () => {
  let opened: Awaited<ReturnType<typeof openBrokers>>;
  beforeAll(async () => {
    opened = await openBrokers();
  }, 240_000);
  afterAll(() => opened?.stop(), 60_000);

  eventBusContract({
    name: 'Kafka',
    patienceMs: 60_000,
    open: async () => {
      const { brokers, stop: _, ...rest } = opened;
      const admin = createKafkaAdmin(createKafkaClient({ brokers, clientId: 'contract', log }));
      return {
        module: new URL('./kafka-bus-module.ts', import.meta.url).href,
        config: { brokers, partitions: 4 },
        declareTopics: async (names) =>
          void (await ensureTopics(
            admin,
            names.map((name) => ({ name, partitions: 4, retentionMs: -1, cleanup: 'delete' as const })),
          )),
        ...rest,
        close: () => admin.close(2_000),
      };
    },
  });
});
