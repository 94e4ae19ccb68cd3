/** Resolves after `ms`, or as soon as `signal` aborts; never rejects. */
export const wait = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });

/** A bell: `ring` wakes whoever waits, or the next to wait. */
export const createBell = () => {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      rung = true;
      wake?.();
    },
    /** Resolves on a ring or after `ms`. */
    wait: async (ms: number): Promise<void> => {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      rung = false;
    },
  };
};
export type Bell = ReturnType<typeof createBell>;

/** Back-off before the attempt after `failures` failures: `first` doubled each time up to `most` ms, half of it random. */
export const backOff = (failures: number, first: number, most: number): number => {
  const full = Math.min(most, first * 2 ** Math.min(failures - 1, 30));
  return full / 2 + Math.random() * (full / 2);
};
