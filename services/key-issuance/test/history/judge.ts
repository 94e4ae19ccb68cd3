// The definition that a history is judged by. Time is the order in which calls start and are acknowledged in this one process.

/** Something that stops a key: when it was asked for, when acknowledged, and the same of what ends it again. */
export type Closure = { asked: number; acked?: number; liftAsked?: number; liftAcked?: number };

export type Mistake = 'accepted a dead key' | 'refused a good key';

export type Verification = { readonly started: number; readonly ended: number; readonly valid: boolean };

/** Overlapping calls may answer either way; nothing else may. Undefined: the answer was right. */
export const judge = ({ started, ended, valid }: Verification, closures: readonly Closure[]): Mistake | undefined => {
  const stopped = closures.some((c) => (c.acked ?? Infinity) < started && (c.liftAsked ?? Infinity) > ended);
  if (valid && stopped) return 'accepted a dead key';
  const maybe = closures.some((c) => c.asked < ended && (c.liftAcked ?? Infinity) > started);
  return !valid && !maybe ? 'refused a good key' : undefined;
};
