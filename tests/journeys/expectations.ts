// Waiting for what happens by and by, and reading refusals.
import assert from 'node:assert/strict';

/** Asks every 100 ms until there is a value; throws after `seconds` with what was waited for. */
export const until = async <T>(what: string, ask: () => Promise<T | undefined>, seconds = 60): Promise<T> => {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    assert.ok(performance.now() < deadline, `waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

/** The problem with which `work` is refused. */
export const refusalOf = async (work: Promise<unknown>): Promise<{ code: string; status: number }> => {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error as { code?: string; status?: number },
  );
  assert.ok(outcome, 'should have been refused, but was answered');
  assert.ok(outcome.code && outcome.status, `should have been refused with a problem, but failed: ${String(outcome)}`);
  return { code: outcome.code, status: outcome.status };
};
