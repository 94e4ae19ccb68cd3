// Sends by the safety rules of docs/decisions/0009-kafka-client.md: one partition per send, one send at a time per partition, acknowledged by all in-sync
// replicas, and the answer checked. What may happen in the worst case is a duplicate, possibly late; inbox and sequence absorb both.
import type { Logger } from '../telemetry/log.ts';
import { atMost, withDeadline } from './deadline.ts';
import type { EventRecord } from './event-bus.ts';
import type { Kafka, Producer, RecordMetadata } from './kafka-client.ts';
import { KafkaError, kafkaError } from './kafka-error.ts';
import { kafkaPartitionOf } from './kafka-partition.ts';

/** Header with the event's id: it must be readable even when the payload is not. */
export const eventIdHeader = 'eventid';

export type KafkaProducer = {
  publish(records: readonly EventRecord[]): Promise<void>;
  close(deadlineMs: number): Promise<void>;
};

type Options = {
  client: Kafka;
  log: Logger;
  /** Asked once per topic, and again after a send to it has failed. */
  countPartitions: (topic: string) => Promise<number>;
  /** For one send, with the client's own repetitions. */
  deadlineMs: number;
};

type Lane = { topic: string; partition: number; records: EventRecord[] };

// Well under the broker's limit for a batch of records (message.max.bytes, 1 MiB by default).
const chunkBytes = 512_000;

const chunks = function* (records: readonly EventRecord[]): Generator<EventRecord[]> {
  let chunk: EventRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = Buffer.byteLength(record.payload) + 200;
    if (chunk.length > 0 && bytes + size > chunkBytes) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(record);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
};

/** kafkajs may resolve a send that it did not make (tulios/kafkajs#1303): only an answer for exactly this partition counts. */
export const assertStored = (answer: readonly RecordMetadata[], topic: string, partition: number): void => {
  const [only] = answer;
  if (answer.length === 1 && only?.topicName === topic && only.partition === partition && only.errorCode === 0) return;
  const said = answer.map((one) => `${one.topicName}/${one.partition}: ${one.errorCode}`).join(', ');
  throw new KafkaError('unavailable', `send to ${topic}/${partition} was answered with [${said}]`);
};

export const createKafkaProducer = ({ client, log, countPartitions, deadlineMs }: Options): KafkaProducer => {
  let current: { producer: Producer; connected: Promise<void> } | undefined;
  const open = () => {
    if (current) return current;
    const producer = client.producer({
      idempotent: false,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
      // Every message names its partition.
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition as number,
      retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 2_000 },
    });
    const opened = { producer, connected: producer.connect() };
    current = opened;
    // Whatever refused it may be mended by the next send, which connects anew.
    opened.connected.catch(() => {
      if (current === opened) current = undefined;
    });
    return opened;
  };
  /** The next send gets a new producer: a send that was given up must not be repeated by kafkajs behind our back. */
  const drop = (used: NonNullable<typeof current>) => {
    if (current === used) current = undefined;
    // A connection that never came to be was told to whoever sent on it; here it only has to be over.
    return used.connected.catch(() => undefined).then(() => used.producer.disconnect());
  };

  // The count is part of the ordering contract and stays, unless somebody makes the topic anew: then sends to partitions that are gone fail for ever.
  const counts = new Map<string, Promise<number>>();
  const partitionsOf = (topic: string): Promise<number> => {
    const known = counts.get(topic) ?? countPartitions(topic);
    counts.set(topic, known);
    known.catch(() => counts.delete(topic));
    return known;
  };

  const send = async ({ topic, partition }: Lane, records: readonly EventRecord[]) => {
    const doing = `send of ${records.length} events to ${topic}/${partition}`;
    const used = open();
    const sending = used.connected.then(() =>
      used.producer.send({
        topic,
        acks: -1,
        messages: records.map(({ key, eventId, payload }) => ({
          key,
          value: payload,
          partition,
          headers: { [eventIdHeader]: eventId, 'content-type': 'application/cloudevents+json' },
        })),
      }),
    );
    try {
      const answer = await withDeadline(
        sending,
        deadlineMs,
        () => new KafkaError('unavailable', `${doing}: no answer within ${deadlineMs} ms`),
      );
      assertStored(answer, topic, partition);
    } catch (error) {
      counts.delete(topic);
      const fault = kafkaError(error, doing);
      if (fault.code === 'unavailable') void atMost(drop(used), 5_000);
      throw fault;
    }
  };

  // The tail of each partition's queue: sends of one partition wait for each other, whoever called.
  const tails = new Map<string, Promise<void>>();
  const enqueue = (lane: Lane): Promise<void> => {
    const name = `${lane.topic}/${lane.partition}`;
    const work = (tails.get(name) ?? Promise.resolve()).then(async () => {
      // A failed part ends the lane: what follows must not overtake it.
      for (const chunk of chunks(lane.records)) await send(lane, chunk);
    });
    const tail = work
      .catch(() => undefined) // told to its own caller; those behind are not concerned
      .then(() => {
        if (tails.get(name) === tail) tails.delete(name);
      });
    tails.set(name, tail);
    return work;
  };

  return {
    publish: async (records) => {
      const topics = [...new Set(records.map(({ topic }) => topic))];
      const partitions = new Map(
        await Promise.all(topics.map(async (topic) => [topic, await partitionsOf(topic)] as const)),
      );
      const lanes = new Map<string, Lane>();
      for (const record of records) {
        const { topic } = record;
        const partition = kafkaPartitionOf(record.key, partitions.get(topic) as number);
        const lane = lanes.get(`${topic}/${partition}`) ?? { topic, partition, records: [] };
        lane.records.push(record);
        lanes.set(`${topic}/${partition}`, lane);
      }
      const results = await Promise.allSettled([...lanes.values()].map(enqueue));
      const failed = results.filter((result) => result.status === 'rejected');
      if (failed.length > 1) log.warn({ failed: failed.length, of: results.length }, 'partitions did not take events');
      if (failed[0]) throw failed[0].reason;
    },
    close: async (ms) => {
      await atMost(Promise.all(tails.values()), ms);
      if (current) await atMost(drop(current), ms);
    },
  };
};
