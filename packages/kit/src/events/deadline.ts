/** `work`, or the error made by `late` when it takes longer than `ms`. The work itself goes on and its late failure is not reported. */
export const withDeadline = async <T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
};

/** Waits for `work` at most `ms`, whatever becomes of it. For closing what is given up anyway. */
export const atMost = async (work: Promise<unknown>, ms: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const quiet = work.then(
    () => undefined,
    () => undefined, // given up: nobody could do anything with its error
  );
  await Promise.race([
    quiet,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    }),
  ]);
  clearTimeout(timer);
};
