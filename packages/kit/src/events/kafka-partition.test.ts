import { expect, test } from '@jest/globals';
import { kafkaPartitionOf, murmur2 } from './kafka-partition.ts';

// From UtilsTest.testMurmur2 of Apache Kafka.
test.each([
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
])('murmur2 of %s is what Kafka computes', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('a partition is within the count, for any key', () => {
  const found = new Set(Array.from({ length: 500 }, (_, i) => kafkaPartitionOf(`acc_cn_${i}`, 12)));
  expect([...found].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(kafkaPartitionOf('', 3)).toBeLessThan(3);
});
