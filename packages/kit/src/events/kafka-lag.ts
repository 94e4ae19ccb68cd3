// What a group has not handled yet, from committed offsets and the ends of the partitions.
import type { Now } from '../ids.ts';
import type { Lag } from './event-bus.ts';
import type { Admin } from './kafka-client.ts';

// Kafka answers "the first offset since this time" but not "the time of this offset", so ages are found on a ladder: seconds.
const ladder = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 6 * 3_600, 24 * 3_600, 7 * 24 * 3_600];

type Position = { partition: number; next: bigint; end: bigint };

const positionsOf = async (admin: Admin, topic: string, committed: Map<number, bigint>): Promise<Position[]> =>
  (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => {
    const [begin, end] = [BigInt(low), BigInt(high)];
    const offset = committed.get(partition) ?? -1n;
    // Nothing committed yet, or what was committed is gone: the group begins at the beginning. Beyond the end: the topic was made anew.
    const next = offset < begin || offset > end ? begin : offset;
    return { partition, next, end };
  });

/** At least how old the record at `next` is, in seconds; found by asking ever older times. 0 when it is younger than the first rung. */
const agesOf = async (admin: Admin, topic: string, lagging: readonly Position[], now: Date) => {
  const ages = new Map(lagging.map(({ partition }) => [partition, 0]));
  let open = [...lagging];
  for (const seconds of ladder) {
    if (open.length === 0) break;
    const since = await admin.fetchTopicOffsetsByTimestamp(topic, now.getTime() - seconds * 1_000);
    // -1 and the end mean that nothing is younger.
    const first = new Map(since.map(({ partition, offset }) => [partition, BigInt(offset)]));
    open = open.filter(({ partition, next, end }) => {
      const offset = first.get(partition) ?? -1n;
      return (offset < 0n ? end : offset) > next;
    });
    for (const { partition } of open) ages.set(partition, seconds);
  }
  return ages;
};

/** Lag of `group` on `topics`, or on every topic it has committed offsets of when `topics` is empty. `oldest` is exact to a rung of the ladder. */
export const kafkaLag = async (admin: Admin, group: string, topics: readonly string[], now: Now): Promise<Lag[]> => {
  const committed = await admin.fetchOffsets({ groupId: group, ...(topics.length > 0 && { topics: [...topics] }) });
  const lags: Lag[] = [];
  for (const { topic, partitions } of committed) {
    const offsets = new Map(partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    const positions = await positionsOf(admin, topic, offsets);
    const at = now();
    const ages = await agesOf(
      admin,
      topic,
      positions.filter(({ next, end }) => next < end),
      at,
    );
    for (const { partition, next, end } of positions.sort((a, b) => a.partition - b.partition)) {
      const age = ages.get(partition);
      const oldest = age === undefined ? undefined : new Date(at.getTime() - age * 1_000);
      lags.push({ topic, partition, records: end - next, oldest });
    }
  }
  return lags;
};
