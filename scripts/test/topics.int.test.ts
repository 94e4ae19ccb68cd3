import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKafkaBus } from '@meridian/kit/events/kafka-bus.ts';
import { deleteTopic, ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { topicPartitions, topicsOf } from '@meridian/kit/events/topics.ts';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { failingOnClose } from '@meridian/testkit/event-bus/fatal-errors.ts';
import { log } from '@meridian/testkit/event-bus/parts.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { runTopics } from '../topics.ts';

const run = async (env: Record<string, string>, ...args: string[]) => {
  const lines: string[] = [];
  const status = await runTopics(args, env, (line) => void lines.push(line));
  return { status, text: lines.join('\n') };
};

describe('npm run topics', () => {
  test('says what is wrong with a command line', async () => {
    const env = { KAFKA_BROKERS: '127.0.0.1:1' };
    expect((await run(env, '--help')).status).toBe(0);
    for (const args of [
      [],
      ['remove', '--region', 'cn'],
      ['check'],
      ['check', '--region', 'CN'],
      ['check', '--nonsense'],
    ])
      expect(await run(env, ...args)).toMatchObject({ status: 2, text: expect.stringContaining('--help') });
    expect(await run({}, 'check', '--region', 'cn')).toMatchObject({ status: 2 });
    expect(await run({ ...env, KAFKA_CA: 'ca.pem' }, 'check', '--region', 'cn')).toMatchObject({ status: 2 });
  });

  test('says that no broker answers', async () => {
    expect(await run({ KAFKA_BROKERS: '127.0.0.1:1' }, 'check', '--region', 'cn')).toMatchObject({
      status: 1,
      text: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describeNeeding('kafka', await kafkaEngineAvailable(), 'npm run topics', () => {
  let kafka: RunningKafka;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 1 });
  }, 240_000);
  afterAll(() => kafka?.stop(), 60_000);
  const topics = (...args: string[]) => run({ KAFKA_BROKERS: kafka.brokers.join(',') }, ...args, '--region', 'cn');
  const publishing = topicsOf('cn').length;

  test('creates what is missing, with the declared settings, and is repeatable', async () => {
    expect(await topics('check')).toMatchObject({ status: 1, text: expect.stringContaining(`${publishing} missing`) });
    expect(await topics('create')).toMatchObject({ status: 0, text: expect.stringMatching(/created +cn\.identity/) });
    expect(await topics('create')).toMatchObject({ status: 0, text: expect.stringMatching(/there +cn\.identity/) });
    expect((await topics('check')).status).toBe(0);
    const found = await kafka.ask('settings', (admin) =>
      admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: 'cn.identity.events' }] }),
    );
    const settings = Object.fromEntries(
      (found.resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]),
    );
    expect(settings).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'compression.type': 'uncompressed',
    });
  }, 60_000);

  const name = 'cn.identity.events';
  const makeWrong = async () => {
    await deleteTopic(kafka, name, []);
    await ensureTopics(kafka, [{ name, partitions: 3, retentionMs: -1, cleanup: 'delete' }]);
  };
  const publishOne = () =>
    withCleanup(async (defer) => {
      const bus = failingOnClose((onFatal) =>
        createKafkaBus({ brokers: kafka.brokers, clientId: 'test', log, now: () => new Date(), onFatal }),
      );
      defer(() => bus.close(2_000));
      await bus.publish([{ topic: name, key: 'acc', eventId: 'evt', payload: '{}' }]);
    });
  const recreated = { status: 0, text: `recreated ${name} with ${topicPartitions} partitions` };

  test('a topic with wrong partitions: refused, mended by the command it names while empty, not while it holds events', async () => {
    await makeWrong();
    const refused = await topics('check');
    expect(refused).toMatchObject({ status: 1, text: expect.stringContaining(`recreate --topic ${name}`) });
    expect(await topics('create')).toMatchObject({ status: 1 });
    expect(await topics('recreate', '--topic', name)).toEqual(recreated);
    expect((await topics('check')).status).toBe(0);
    await publishOne();
    expect(await topics('recreate', '--topic', name)).toMatchObject({
      status: 1,
      text: expect.stringContaining('holds 1 events and is not deleted'),
    });
    expect(await topics('recreate', '--topic', 'cn.nothing.events')).toMatchObject({ status: 2 });
  }, 60_000);

  test('a topic with events is made anew when every service that listens to it has handled them, and read from its beginning then', async () => {
    const listeners = ['verification', 'billing', 'key-issuance', 'moderation'];
    const handled = (groupId: string) =>
      kafka.ask('handling all', async (admin) => {
        const ends = await admin.fetchTopicOffsets(name);
        const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
        await admin.setOffsets({ groupId, topic: name, partitions });
      });
    await makeWrong();
    await publishOne();
    for (const listener of listeners) {
      expect(await topics('recreate', '--drained', '--topic', name)).toMatchObject({
        status: 1,
        text: expect.stringContaining(`holds 1 events that ${listener} has not handled and is not deleted`),
      });
      await handled(listener);
    }
    expect(await topics('recreate', '--drained', '--topic', name)).toEqual(recreated);
    expect((await topics('check')).status).toBe(0);
    // A place beyond what the new topic holds would let its reader miss the first events.
    for (const groupId of listeners) {
      const places = await kafka.ask('asking for places', (admin) => admin.fetchOffsets({ groupId, topics: [name] }));
      expect(new Set(places.flatMap(({ partitions }) => partitions.map(({ offset }) => offset)))).toEqual(
        new Set(['-1']),
      );
    }
  }, 120_000);

  test('a topic whose events nobody can handle is made anew when told so', async () => {
    await makeWrong();
    await publishOne();
    expect(await topics('recreate', '--unread', '--topic', name)).toEqual(recreated);
    expect((await topics('check')).status).toBe(0);
  }, 60_000);
});
