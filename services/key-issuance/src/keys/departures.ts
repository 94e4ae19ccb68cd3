/**
 * Who waits for a departure leaves with all who came since the one before, `everyMs` after the first of them. For answers nobody is in a hurry for: each
 * that leaves alone wakes a connection and its caller by itself, which takes more of the machine than all the rest of it.
 */
export const createDepartures = (everyMs: number): (() => Promise<void>) => {
  let next: Promise<void> | undefined;
  return () => {
    next ??= new Promise((leave) => {
      setTimeout(() => {
        next = undefined;
        leave();
      }, everyMs);
    });
    return next;
  };
};
