import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKafkaBus } from '@meridian/kit/events/kafka-bus.ts';
import { deleteEmptyTopic, ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { topicPartitions, topicsOf } from '@meridian/kit/events/topics.ts';
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
    expect(settings).toMatchObject({ 'cleanup.policy': 'delete', 'retention.ms': '-1' });
  }, 60_000);

  test('a topic with wrong partitions: refused, mended by the command it names while empty, never while it holds events', async () => {
    const name = 'cn.identity.events';
    const makeWrong = async () => {
      await deleteEmptyTopic(kafka, name);
      await ensureTopics(kafka, [{ name, partitions: 3, retentionMs: -1, cleanup: 'delete' }]);
    };
    await makeWrong();
    const refused = await topics('check');
    expect(refused).toMatchObject({ status: 1, text: expect.stringContaining(`recreate --topic ${name}`) });
    expect(await topics('create')).toMatchObject({ status: 1 });
    expect(await topics('recreate', '--topic', name)).toMatchObject({
      status: 0,
      text: `recreated ${name} with ${topicPartitions} partitions`,
    });
    expect((await topics('check')).status).toBe(0);

    const bus = createKafkaBus({
      brokers: kafka.brokers,
      clientId: 'test',
      log,
      now: () => new Date(),
      onFatal: (error) => {
        throw error;
      },
    });
    await bus.publish([{ topic: name, key: 'acc', eventId: 'evt', payload: '{}' }]);
    await bus.close(2_000);
    expect(await topics('recreate', '--topic', name)).toMatchObject({
      status: 1,
      text: expect.stringContaining('holds 1 events and is not deleted'),
    });
    expect(await topics('recreate', '--topic', 'cn.nothing.events')).toMatchObject({ status: 2 });
  }, 60_000);
});
