/**
 * Asks until the answer is neither undefined, null nor false; throws after `timeoutMs`. A throwing question is asked again.
 * The default outlasts the session (30 s) of a consumer that has to join its group again.
 */
export const waitFor = async <T>(
  question: () => T | Promise<T>,
  { timeoutMs = 45_000, everyMs = 20 } = {},
): Promise<Exclude<T, undefined | null | false>> => {
  const end = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== null && answer !== false)
        return answer as Exclude<T, undefined | null | false>;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`nothing came within ${timeoutMs} ms`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
};
