import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Kafka } from './kafka-client.ts';
import { KafkaError } from './kafka-error.ts';
import { assertStored, createKafkaProducer } from './kafka-producer.ts';

const answer = (partition: number, errorCode = 0, topicName = 'cn.identity.events') => ({
  topicName,
  partition,
  errorCode,
});

test('a send counts only when exactly its own partition answered without error', () => {
  expect(() => assertStored([answer(3)], 'cn.identity.events', 3)).not.toThrow();
  for (const wrong of [[], [answer(2)], [answer(3, 6)], [answer(3, 0, 'cn.billing.events')], [answer(3), answer(4)]])
    expect(() => assertStored(wrong, 'cn.identity.events', 3)).toThrow('was answered with');
});

/** A client of kafkajs's shape; it resolves sends to partitions that are not there (by default one is) without an answer, as kafkajs does. */
const producing = (on: { connect?: () => Promise<void>; count?: () => Promise<number>; there?: () => number }) => {
  const producer = {
    connect: on.connect ?? (async () => undefined),
    disconnect: async () => undefined,
    send: async ({ topic, messages: [message] }: { topic: string; messages: [{ partition: number }] }) =>
      message.partition < (on.there?.() ?? 1) ? [answer(message.partition, 0, topic)] : [],
  };
  return createKafkaProducer({
    client: { producer: () => producer } as unknown as Kafka,
    log: pino({ level: 'silent' }),
    countPartitions: on.count ?? (async () => 1),
    deadlineMs: 1_000,
  });
};
const record = { topic: 'cn.identity.events', key: 'k', eventId: 'e', payload: '{}' };

test('a connection that was refused for its certificate is not kept: the next send connects anew', async () => {
  let connects = 0;
  const { publish, close } = producing({
    connect: async () => {
      connects += 1;
      if (connects === 1) throw Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' });
    },
  });
  await expect(publish([record])).rejects.toMatchObject({ code: 'not_trusted' });
  await publish([record]);
  await publish([record]);
  expect(connects).toBe(2);
  await close(100);
});

test('a topic that was made anew with fewer partitions is counted again after a send to it failed', async () => {
  let there = 12;
  let counted = 0;
  const { publish, close } = producing({
    there: () => there,
    count: async () => {
      counted += 1;
      if (there !== 12) throw new KafkaError('topic_partitions', `topic has ${there} partitions`);
      return there;
    },
  });
  const records = Array.from({ length: 40 }, (_, i) => ({ ...record, key: `key-${i}` }));
  await publish(records);
  await publish(records);
  expect(counted).toBe(1);
  there = 4;
  await expect(publish(records)).rejects.toThrow('was answered with []');
  await expect(publish(records)).rejects.toMatchObject({ code: 'topic_partitions' });
  there = 12;
  await publish(records);
  await close(100);
});
