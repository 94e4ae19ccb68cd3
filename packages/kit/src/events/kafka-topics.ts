// Creating and checking topics. Run by a person (npm run topics) or a test, never by a service: a service only refuses what is not as declared.
import { errorCode } from '../error-code.ts';
import type { KafkaAdmin as WholeAdmin } from './kafka-admin.ts';
import { changeSettings, settingsOf } from './kafka-client.ts';
import { KafkaError, mendTopics } from './kafka-error.ts';
import { kafkaLag } from './kafka-lag.ts';
import { type TopicDeclaration, topicSettings } from './topics.ts';
import { wait } from './wait.ts';

type KafkaAdmin = Pick<WholeAdmin, 'ask'>;

type Found = { partitions: number; replicas: number };

const topicsFound = async (admin: KafkaAdmin, names: readonly string[]): Promise<Map<string, Found>> =>
  admin.ask('asking for topics', async (client) => {
    const there = new Set(await client.listTopics());
    const topics = names.filter((name) => there.has(name));
    if (topics.length === 0) return new Map();
    const found = await client.fetchTopicMetadata({ topics });
    const one = ({ partitions }: (typeof found.topics)[number]): Found => ({
      partitions: partitions.length,
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
    });
    return new Map(found.topics.map((topic) => [topic.name, one(topic)]));
  });

/** Number of partitions of an existing topic. Throws `topic_missing`, and `topic_partitions` when it is not the `declared` one. */
export const countPartitions = async (admin: KafkaAdmin, topic: string, declared?: number): Promise<number> => {
  const count = (await topicsFound(admin, [topic])).get(topic)?.partitions;
  if (count === undefined)
    throw new KafkaError(
      'topic_missing',
      `topic ${topic} does not exist, or this program has no right to see it: ${mendTopics}`,
    );
  if (declared !== undefined && count !== declared) throw wrongCount(topic, count, declared);
  return count;
};

const wrongCount = (topic: string, count: number, declared: number) =>
  new KafkaError(
    'topic_partitions',
    `topic ${topic} has ${count} partitions, declared are ${declared}: events of an account would lose their order. ` +
      `If it holds no events: npm run topics -- recreate --topic ${topic} (in containers: kafka-prepare with recreate --topic ${topic}); ` +
      'otherwise see "A topic with wrong partitions" in docs/operations.md',
  );

export type TopicState = {
  name: string;
  state: 'there' | 'created' | 'missing' | 'differs';
  /** Settings that are not as declared, each as a sentence. */
  differs?: readonly string[];
};

/** What is not as declared in the settings of the topics that are there, by topic. */
const differences = async (admin: KafkaAdmin, topics: readonly TopicDeclaration[], found: Map<string, Found>) => {
  const there = topics.filter(({ name }) => found.has(name));
  if (there.length === 0) return new Map<string, string[]>();
  const names = there.map(({ name }) => name);
  const settings = await admin.ask('asking for the settings of topics', (client) => settingsOf(client, names));
  const sentences = (topic: TopicDeclaration) =>
    Object.entries(topicSettings(topic, found.get(topic.name)?.replicas ?? 1))
      .map(([key, declared]) => ({ key, declared, is: settings.get(topic.name)?.get(key) }))
      .filter(({ declared, is }) => is !== declared)
      .map(({ key, declared, is }) => `${key} is ${is ?? 'unknown'}, declared is ${declared}`);
  return new Map(there.map((topic) => [topic.name, sentences(topic)]));
};

const assertCounts = (topics: readonly TopicDeclaration[], found: ReadonlyMap<string, Found>) => {
  for (const { name, partitions } of topics) {
    const count = found.get(name)?.partitions;
    if (count !== undefined && count !== partitions) throw wrongCount(name, count, partitions);
  }
};

/** Gives topics that are there their declared settings; what is missing stays missing. Answers the names of those that were changed. */
export const configureTopics = async (admin: KafkaAdmin, topics: readonly TopicDeclaration[]): Promise<string[]> => {
  const names = topics.map(({ name }) => name);
  const found = await topicsFound(admin, names);
  assertCounts(topics, found);
  const differing = await differences(admin, topics, found);
  const changing = topics.filter(({ name }) => (differing.get(name) ?? []).length > 0);
  for (const topic of changing)
    await admin.ask(`changing the settings of topic ${topic.name}`, (client) =>
      changeSettings(client, topic.name, topicSettings(topic, found.get(topic.name)?.replicas ?? 1)),
    );
  return changing.map(({ name }) => name);
};

/**
 * Creates what is missing (unless `checkOnly`) and checks the rest: throws `topic_partitions`, and `topic_settings` unless `checkOnly`, which answers
 * the differences instead. `replicas`: copies of each partition, at most one per broker.
 */
export const ensureTopics = async (
  admin: KafkaAdmin,
  topics: readonly TopicDeclaration[],
  { replicas, checkOnly = false }: { replicas?: number; checkOnly?: boolean } = {},
): Promise<TopicState[]> => {
  const found = await topicsFound(
    admin,
    topics.map(({ name }) => name),
  );
  assertCounts(topics, found);
  const differing = await differences(admin, topics, found);
  const missing = topics.filter(({ name }) => !found.has(name));
  if (missing.length > 0 && !checkOnly)
    await admin.ask('creating topics', async (client) => {
      const copies = replicas ?? Math.min(3, (await client.describeCluster()).brokers.length);
      await client.createTopics({
        waitForLeaders: false,
        timeout: 15_000,
        topics: missing.map((topic) => ({
          topic: topic.name,
          numPartitions: topic.partitions,
          replicationFactor: copies,
          configEntries: Object.entries(topicSettings(topic, copies)).map(([name, value]) => ({ name, value })),
        })),
      });
    });
  if (missing.length > 0 && !checkOnly) await untilLed(admin, missing);
  const wrong = [...differing].filter(([, sentences]) => sentences.length > 0);
  if (wrong.length > 0 && !checkOnly)
    throw new KafkaError(
      'topic_settings',
      `${wrong.map(([name, sentences]) => `topic ${name}: ${sentences.join('; ')}`).join('. ')}. Give them the declared ones: npm run topics -- configure (in containers: kafka-prepare with configure)`,
    );
  return topics.map(({ name }) => {
    const differs = differing.get(name) ?? [];
    if (differs.length > 0) return { name, state: 'differs', differs };
    return { name, state: found.has(name) ? 'there' : checkOnly ? 'missing' : 'created' };
  });
};

/** Brokers learn of a new topic one after the other. */
const untilLed = async (admin: KafkaAdmin, topics: readonly TopicDeclaration[]) => {
  const names = topics.map(({ name }) => name);
  for (let tries = 1; ; tries += 1) {
    const led = await admin
      .ask('waiting for new topics', (client) => client.fetchTopicMetadata({ topics: names }))
      .then((found) => found.topics.every((topic) => topic.partitions.every(({ leader }) => leader >= 0)))
      .catch((error: unknown) => {
        if (errorCode(error) === 'topic_missing' && tries < 100) return false;
        throw error;
      });
    if (led) return;
    if (tries >= 100) throw new KafkaError('unavailable', `no broker leads the new topics ${names.join(', ')}`);
    await wait(100);
  }
};

/**
 * Deletes a topic that holds no event, or with `groups` one whose events each of these has handled; resolves when the brokers no longer know it. Throws
 * `topic_partitions` when it holds more.
 */
export const deleteTopic = async (admin: KafkaAdmin, topic: string, groups?: readonly string[]): Promise<void> => {
  const refuse = (why: string) => new KafkaError('topic_partitions', `topic ${topic} ${why} and is not deleted`);
  await admin.ask(`deleting topic ${topic}`, async (client) => {
    const offsets = await client.fetchTopicOffsets(topic);
    const held = offsets.reduce((sum, { low, high }) => sum + BigInt(high) - BigInt(low), 0n);
    if (held > 0n && !groups) throw refuse(`holds ${held} events`);
    for (const group of groups ?? []) {
      const lags = await kafkaLag(client, group, [topic], () => new Date());
      const left = lags.reduce((sum, { records }) => sum + records, 0n);
      if (left > 0n) throw refuse(`holds ${left} events that ${group} has not handled`);
    }
    await client.deleteTopics({ topics: [topic] });
  });
  for (let tries = 1; (await topicsFound(admin, [topic])).size > 0; tries += 1) {
    if (tries >= 100) throw new KafkaError('unavailable', `topic ${topic} is still there after its deletion`);
    await wait(100);
  }
};
