// Creating and checking topics. Run by a person (npm run topics) or a test, never by a service: a service only refuses what is not as declared.
import { errorCode } from '../error-code.ts';
import type { KafkaAdmin as WholeAdmin } from './kafka-admin.ts';
import { KafkaError } from './kafka-error.ts';
import { type TopicDeclaration, topicSettings } from './topics.ts';
import { wait } from './wait.ts';

type KafkaAdmin = Pick<WholeAdmin, 'ask'>;

const partitionsFound = async (admin: KafkaAdmin, names: readonly string[]): Promise<Map<string, number>> =>
  admin.ask('asking for topics', async (client) => {
    const there = new Set(await client.listTopics());
    const topics = names.filter((name) => there.has(name));
    if (topics.length === 0) return new Map();
    const found = await client.fetchTopicMetadata({ topics });
    return new Map(found.topics.map(({ name, partitions }) => [name, partitions.length]));
  });

/** Number of partitions of an existing topic. Throws `topic_missing`, and `topic_partitions` when it is not the `declared` one. */
export const countPartitions = async (admin: KafkaAdmin, topic: string, declared?: number): Promise<number> => {
  const count = (await partitionsFound(admin, [topic])).get(topic);
  if (count === undefined)
    throw new KafkaError('topic_missing', `topic ${topic} does not exist; create it with: npm run topics -- create`);
  if (declared !== undefined && count !== declared) throw wrongCount(topic, count, declared);
  return count;
};

const wrongCount = (topic: string, count: number, declared: number) =>
  new KafkaError(
    'topic_partitions',
    `topic ${topic} has ${count} partitions, declared are ${declared}: events of an account would lose their order. ` +
      `If it holds no events: npm run topics -- recreate --topic ${topic}; otherwise see "A topic with wrong partitions" in docs/operations.md`,
  );

export type TopicState = { name: string; state: 'there' | 'created' | 'missing' };

/** Creates what is missing (unless `checkOnly`) and checks the rest. `replicas`: copies of each partition, at most one per broker. */
export const ensureTopics = async (
  admin: KafkaAdmin,
  topics: readonly TopicDeclaration[],
  { replicas, checkOnly = false }: { replicas?: number; checkOnly?: boolean } = {},
): Promise<TopicState[]> => {
  const found = await partitionsFound(
    admin,
    topics.map(({ name }) => name),
  );
  for (const { name, partitions } of topics) {
    const count = found.get(name);
    if (count !== undefined && count !== partitions) throw wrongCount(name, count, partitions);
  }
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
  return topics.map(({ name }) => ({
    name,
    state: found.has(name) ? 'there' : checkOnly ? 'missing' : 'created',
  }));
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

/** Deletes a topic that holds no event; resolves when the brokers no longer know it. Throws `topic_partitions` when it holds any. */
export const deleteEmptyTopic = async (admin: KafkaAdmin, topic: string): Promise<void> => {
  await admin.ask(`deleting topic ${topic}`, async (client) => {
    const offsets = await client.fetchTopicOffsets(topic);
    const held = offsets.reduce((sum, { low, high }) => sum + BigInt(high) - BigInt(low), 0n);
    if (held > 0n) throw new KafkaError('topic_partitions', `topic ${topic} holds ${held} events and is not deleted`);
    await client.deleteTopics({ topics: [topic] });
  });
  for (let tries = 1; (await partitionsFound(admin, [topic])).size > 0; tries += 1) {
    if (tries >= 100) throw new KafkaError('unavailable', `topic ${topic} is still there after its deletion`);
    await wait(100);
  }
};
