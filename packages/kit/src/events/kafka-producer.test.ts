import { expect, test } from '@jest/globals';
import { assertStored } from './kafka-producer.ts';

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
