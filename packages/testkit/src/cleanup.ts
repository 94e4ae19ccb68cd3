// Closing what a test opened, also when the test fails: what stays open keeps a run from ending, or disturbs the tests that follow.
type Close = () => unknown;

const throwAll = (errors: readonly unknown[]): void => {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('\n'));
};

/** The same close however often it is asked for: by a test in its course, and by its clean-up again. */
export const closingOnce = <T>(close: () => Promise<T>): (() => Promise<T>) => {
  let closing: Promise<T> | undefined;
  return () => {
    closing ??= close();
    return closing;
  };
};

/** Waits for all of them; then throws what failed. */
export const allClosed = async (closing: readonly Promise<unknown>[]): Promise<void> => {
  const outcomes = await Promise.allSettled(closing);
  throwAll(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : [])));
};

/** Runs `play`, and then what it gave to `defer`, the last first, whatever failed before. Throws everything that failed. */
export const withCleanup = async <T>(play: (defer: (close: Close) => void) => Promise<T>): Promise<T> => {
  const closes: Close[] = [];
  const errors: unknown[] = [];
  let result: T | undefined;
  try {
    result = await play((close) => void closes.push(close));
  } catch (error) {
    errors.push(error);
  }
  for (const close of closes.toReversed())
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  throwAll(errors);
  return result as T;
};
