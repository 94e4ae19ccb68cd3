// zod -> problem `invalid_input` naming every mistake by JSON pointer. By hand rather than by fastify-type-provider-zod: that one
// stops at the first wrong part (params, then body, then query) and leaves pointers and unknown members to the error handler anyway.
import { invalidInput } from '@meridian/contracts/common.ts';
import type { z } from 'zod';
import { textFlaw } from './json-body.ts';
import { fail } from './problems.ts';

export type Mistake = { readonly pointer: string; readonly detail: string };

/** Mistakes named in one answer at most: a hostile body must not make a long one. */
const maxMistakes = 50;

// Names come from the client: bounded, and escaped by RFC 6901.
const step = (name: PropertyKey): string => `/${String(name).slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')}`;

const flatten = (issue: z.core.$ZodIssue, prefix: string): Mistake[] => {
  const pointer = prefix + issue.path.map(step).join('');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ pointer: pointer + step(key), detail: 'unknown member' }));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch with the fewest mistakes is most likely the one the caller meant.
    const closest = issue.errors.reduce((best, branch) => (branch.length < best.length ? branch : best));
    return closest.flatMap((inner) => flatten(inner, pointer));
  }
  return [{ pointer, detail: issue.message }];
};

/** Parses one part ('params', 'query', 'body'), adding its mistakes to `mistakes`. The result is meaningful only if none were added. */
export const parsePart = <T extends z.ZodType>(
  schema: T,
  part: string,
  value: unknown,
  mistakes: Mistake[],
): z.output<T> | undefined => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  mistakes.push(...result.error.issues.flatMap((issue) => flatten(issue, `/${part}`)));
  return undefined;
};

/** Strings of the address: percent-decoding can yield NUL, which no schema looks for and PostgreSQL refuses. */
export const checkTexts = (part: string, values: Readonly<Record<string, unknown>>, mistakes: Mistake[]): void => {
  for (const [name, value] of Object.entries(values)) {
    for (const text of Array.isArray(value) ? value : [value]) {
      const flaw =
        typeof text === 'string'
          ? (textFlaw(text) ?? (text.includes('\uFFFD') ? 'must be valid UTF-8' : undefined))
          : undefined;
      if (flaw !== undefined) mistakes.push({ pointer: `/${part}${step(name)}`, detail: flaw });
    }
  }
};

/** Refuses with all mistakes at once, if there are any. */
export const assertNoMistakes = (mistakes: readonly Mistake[]): void => {
  if (mistakes.length === 0) return;
  fail(invalidInput, {
    detail: `${mistakes.length} mistake(s) in the request; see "errors"`,
    errors: mistakes.slice(0, maxMistakes),
  });
};
