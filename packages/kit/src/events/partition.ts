/** The partition of a key: FNV-1a (32 bit) modulo the count. Part of the stored format of the Postgres log: never change it. */
export const partitionOf = (key: string, partitions: number): number => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % partitions;
};
