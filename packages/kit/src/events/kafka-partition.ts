// The partition of a key as every Kafka client computes it: murmur2 of the bytes, made positive, modulo the count. We compute it ourselves
// because each send must name its one partition. Source: org.apache.kafka.common.utils.Utils.murmur2 and toPositive.

const seed = 0x9747b28c;
const m = 0x5bd1e995;

/** 32 bit MurmurHash2 of `bytes`, as a signed integer. */
export const murmur2 = (bytes: Uint8Array): number => {
  const at = (i: number) => bytes[i] ?? 0;
  let hash = seed ^ bytes.length;
  const whole = bytes.length - (bytes.length % 4);
  for (let i = 0; i < whole; i += 4) {
    let k = at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    hash = Math.imul(hash, m) ^ Math.imul(k, m);
  }
  const rest = bytes.length % 4;
  if (rest > 0) {
    hash ^= at(whole) | (at(whole + 1) << 8) | (at(whole + 2) << 16);
    hash = Math.imul(hash, m);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return hash ^ (hash >>> 15);
};

/** Changing `partitions` of a topic breaks the order per key: never do it, create a new topic instead. */
export const kafkaPartitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key)) & 0x7fff_ffff) % partitions;
