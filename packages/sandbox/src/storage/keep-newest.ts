// Bounds what is remembered in memory.

/** Forgets the oldest of a map or set until at most `limit` are left. */
export const keepNewest = (remembered: Map<string, unknown> | Set<string>, limit: number): void => {
  for (const oldest of remembered.keys()) {
    if (remembered.size <= limit) break;
    remembered.delete(oldest);
  }
};
