// A statement that PostgreSQL gave up because of another one, and which changed nothing.

const conflicts = new Set(['40001', '40P01']);
const codeOf = (error: unknown) =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** Repeats `work` after a serialization failure or a deadlock, `attempts` times in all. */
export const retryConflicts = async <T>(work: () => Promise<T>, attempts = 3): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (attempts <= 1 || !conflicts.has(String(codeOf(error)))) throw error;
    return retryConflicts(work, attempts - 1);
  }
};
