import { describe } from '@jest/globals';

/**
 * A describe block that needs something this machine may lack, such as 'kafka'. Without it the block's tests do not run;
 * `npm test` then names them and ends with `NOT RUN: kafka (n)`, which `.ci/run` refuses.
 */
export function describeNeeding(need: string, available: boolean, name: string, tests: () => void): void {
  const title = `[needs ${need}] ${name}`;
  if (available) describe(title, tests);
  else describe.skip(title, tests);
}
