// When signing keys move on. A key is published one whole period before it signs, and until its last token has expired.
export type KeyState = 'next' | 'current' | 'previous';

/** A key signs for this long. */
export const currentForMs = 30 * 24 * 3_600_000;
/**
 * A retired key stays published: longest token (staff, 15 min), clock tolerance, and the time a replica may go on signing with the
 * key it has in memory. An hour covers all of them several times.
 */
export const previousForMs = 3_600_000;

export type KeyAge = {
  readonly kid: string;
  readonly state: KeyState;
  readonly activatedAt: Date | null;
  readonly retiredAt: Date | null;
};

export type Rotation = {
  /** First start: there is no key that signs, or is to. */
  readonly first: boolean;
  /** next becomes current, current becomes previous, and a new next is drawn. */
  readonly rotate: boolean;
  /** Previous keys that no living token was signed with. */
  readonly remove: readonly string[];
};

export const decideRotation = (keys: readonly KeyAge[], now: Date): Rotation => {
  const current = keys.find((key) => key.state === 'current');
  const next = keys.some((key) => key.state === 'next');
  return {
    first: current === undefined && !next,
    // Somebody took the current key off: the next one, which everybody knows already, signs.
    rotate: current === undefined ? next : now.getTime() - (current.activatedAt?.getTime() ?? 0) >= currentForMs,
    remove: keys
      .filter((key) => key.retiredAt !== null && now.getTime() - key.retiredAt.getTime() >= previousForMs)
      .map((key) => key.kid),
  };
};
