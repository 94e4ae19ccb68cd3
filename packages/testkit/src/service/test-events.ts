// The events of one service under test: real Kafka where the run has it, the Postgres event log otherwise.
import { randomBytes } from 'node:crypto';
import type { EventBus } from '@meridian/kit/events/event-bus.ts';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaBus } from '@meridian/kit/events/kafka-bus.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { createPostgresBus, migratePostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { topicsOf } from '@meridian/kit/events/topics.ts';
import type { Overrides } from '@meridian/kit/run/platform.ts';
import { pino } from 'pino';
import { failingOnClose } from '../event-bus/fatal-errors.ts';
import { createTestDatabase } from '../postgres/test-database.ts';
import { askTestServers } from '../postgres/test-servers.ts';
import { inNamespace, namespaced } from './namespaced-bus.ts';

export type TestEvents = {
  readonly transport: 'kafka' | 'postgres';
  /** Begins the names of its topics on the broker; a log of its own needs none. */
  readonly namespace: string;
  /** EVENT_BUS_URL of the service. */
  readonly url: string;
  /** What the service is started with besides. */
  readonly overrides: Pick<Overrides, 'openBus'>;
  /** The same transport for the test's own events. */
  readonly bus: EventBus;
  close(): Promise<void>;
};

const log = pino({ level: 'silent' });
// Enough for order and sharing to matter; a test run makes many topics.
const partitions = 2;

const brokersOfTheRun = async (): Promise<string> => {
  if (process.env.KAFKA_BROKERS) return process.env.KAFKA_BROKERS;
  const control = process.env.MERIDIAN_TEST_SERVERS;
  return control ? askTestServers(control, 'kafka') : '';
};

const onPostgres = async (now: () => Date): Promise<TestEvents> => {
  const database = await createTestDatabase({ migrate: (url) => migratePostgresBus({ url, log }), templateKey: 'bus' });
  const bus = createPostgresBus({ url: database.url, log, now, poolSize: 2, pollMs: 20 });
  return {
    transport: 'postgres',
    namespace: '',
    url: database.url,
    overrides: {},
    bus,
    close: async () => {
      await bus.close(2_000);
      await database.drop();
    },
  };
};

/** Suites share the broker and not the topics: each has a namespace of its own, which goes when it closes. */
const onKafka = async (brokers: string, region: string, now: () => Date): Promise<TestEvents> => {
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const topics = topicsOf(region).map((topic) => ({ ...topic, name: inNamespace(namespace, topic.name), partitions }));
  const admin = createKafkaAdmin(createKafkaClient({ brokers: brokers.split(','), clientId: namespace, log }));
  await ensureTopics(admin, topics);
  const open = (clientId: string) =>
    namespaced(
      namespace,
      failingOnClose((onFatal) =>
        createKafkaBus({
          brokers: brokers.split(','),
          clientId,
          partitions,
          log,
          now,
          timing: { fetchWaitMs: 50 },
          onFatal,
        }),
      ),
    );
  const bus = open(namespace);
  return {
    transport: 'kafka',
    namespace,
    url: `kafka://${brokers}`,
    overrides: { openBus: ({ service }) => open(service) },
    bus,
    close: async () => {
      await bus.close(2_000);
      await admin.ask('deleting topics of a test', (client) =>
        client.deleteTopics({ topics: topics.map(({ name }) => name) }),
      );
      await admin.close(2_000);
    },
  };
};

export const openTestEvents = async ({
  region,
  now = () => new Date(),
}: {
  region: string;
  now?: () => Date;
}): Promise<TestEvents> => {
  const brokers = await brokersOfTheRun();
  return brokers === '' ? onPostgres(now) : onKafka(brokers, region, now);
};
