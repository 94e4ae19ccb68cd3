// Remembers which nonces were used inside a protocol's time window, so that a replay is refused.

/**
 * `use` answers false if the nonce was used before. Nonces older than `windowMs` are forgotten: their timestamp is refused anyway.
 * `limit` bounds the memory; when it is full of fresh nonces the oldest goes first.
 */
export const createNonceMemory = ({ windowMs, limit, now }: { windowMs: number; limit: number; now: () => Date }) => {
  const seen = new Map<string, number>();
  return {
    use(nonce: string) {
      const at = now().getTime();
      for (const [old, time] of seen) {
        if (at - time <= windowMs && seen.size < limit) break;
        seen.delete(old);
      }
      if (seen.has(nonce)) return false;
      seen.set(nonce, at);
      return true;
    },
  };
};
export type NonceMemory = ReturnType<typeof createNonceMemory>;
