// What the suites of the services run on: the official PostgreSQL image and a real broker where a container engine has them.
import { describe, expect, test } from '@jest/globals';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import pg from 'pg';
import { pino } from 'pino';
import { closingOnce, withCleanup } from '../src/cleanup.ts';
import { hasImage } from '../src/containers/container-engine.ts';
import { describeNeeding } from '../src/jest/needs.ts';
import { kafkaAvailable } from '../src/kafka/kafka-available.ts';
import { startPostgresContainer } from '../src/postgres/postgres-container.ts';
import { postgresImage } from '../src/postgres/postgres-image.ts';
import { withDatabase } from '../src/postgres/test-database.ts';
import { openTestEvents, type TestEvents } from '../src/service/test-events.ts';
import { waitFor } from '../src/wait-for.ts';

const log = pino({ level: 'silent' });
const given = Boolean(process.env.DATABASE_URL || process.env.TEST_DATABASE_URL);

const ask = async (url: string, question: string) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(question).finally(() => client.end());
  return rows[0];
};

const record = (key: string, eventId: string) => ({ topic: 'cn.billing.events', key, eventId, payload: '{}' });
/** Ids of the events of billing's topic, as they arrive. */
const follow = async ({ bus }: TestEvents) => {
  const seen: string[] = [];
  await bus.subscribe({
    group: 'reader',
    topics: ['cn.billing.events'],
    handler: async ({ topic, eventId }) => void seen.push(`${topic} ${eventId}`),
  });
  return seen;
};

describeNeeding('postgres image', given || (await hasImage(postgresImage)), 'database of a test', () => {
  test('is on PostgreSQL 18 in a container, unless a server was given', () =>
    withDatabase({}, async (url) => {
      const found = await ask(
        url,
        "select inet_server_addr() as address, current_setting('server_version') as version",
      );
      if (!given) expect(found).toMatchObject({ address: expect.any(String), version: expect.stringMatching(/^18\./) });
      expect(await ask(url, "select current_setting('timezone') as zone")).toEqual({ zone: 'UTC' });
    }));
});

describeNeeding('postgres image', await hasImage(postgresImage), 'servers of one process', () => {
  test(
    'are stopped one by one: the others, which other suites of the process use, stay',
    () =>
      withCleanup(async (defer) => {
        const start = async () => {
          const server = await startPostgresContainer();
          const stop = closingOnce(() => server.stop());
          defer(stop);
          return { adminUrl: server.adminUrl, stop };
        };
        const [stopped, kept] = [await start(), await start()];
        await stopped.stop();
        expect(await ask(kept.adminUrl, 'select 1 as one')).toEqual({ one: 1 });
        await expect(ask(stopped.adminUrl, 'select 1')).rejects.toThrow();
      }),
    120_000,
  );
});

describeNeeding('kafka', await kafkaAvailable(), 'events of a test', () => {
  test(
    'are on Kafka; two suites on one broker see nothing of each other, and leave no topic behind',
    () =>
      withCleanup(async (defer) => {
        const open = async () => {
          const events = await openTestEvents({ region: 'cn' });
          const close = closingOnce(events.close);
          defer(close);
          return { ...events, close };
        };
        const [one, other] = await Promise.all([open(), open()]);
        expect([one.transport, other.transport]).toEqual(['kafka', 'kafka']);
        const [seenByOne, seenByOther] = [await follow(one), await follow(other)];
        await one.bus.publish([record('a', 'one-1')]);
        await other.bus.publish([record('a', 'other-1')]);
        await waitFor(() => seenByOne.length > 0 && seenByOther.length > 0, { timeoutMs: 30_000 });
        expect(seenByOne).toEqual(['cn.billing.events one-1']);
        expect(seenByOther).toEqual(['cn.billing.events other-1']);
        expect((await one.bus.lag('reader')).map(({ topic }) => topic)).toContain('cn.billing.events');
        const brokers = one.url.slice('kafka://'.length).split(',');
        const admin = createKafkaAdmin(createKafkaClient({ brokers, clientId: 'test', log }));
        defer(() => admin.close(2_000));
        const topics = () => admin.ask('asking for topics', (client) => client.listTopics());
        const own = async () => (await topics()).filter((name) => name.startsWith(one.namespace));
        expect(await own()).toHaveLength(5);
        await Promise.all([one.close(), other.close()]);
        await waitFor(async () => (await own()).length === 0, { timeoutMs: 30_000 });
      }),
    120_000,
  );
});

describe('a run without an engine', () => {
  test('has its events on the Postgres event log', () =>
    withCleanup(async (defer) => {
      const { KAFKA_BROKERS, MERIDIAN_TEST_SERVERS: control } = process.env;
      // Without the servers of the run there is a database only where one was given; the transport is chosen before that.
      process.env.MERIDIAN_TEST_SERVERS = '';
      delete process.env.KAFKA_BROKERS;
      const opening = openTestEvents({ region: 'cn' });
      process.env.MERIDIAN_TEST_SERVERS = control;
      if (KAFKA_BROKERS) process.env.KAFKA_BROKERS = KAFKA_BROKERS;
      const events = await opening;
      defer(events.close);
      expect(events.transport).toBe('postgres');
      const seen = await follow(events);
      await events.bus.publish([record('a', 'one-1')]);
      await waitFor(() => seen.length > 0);
    }));
});
