// Invalid variants of a valid value: each differs in one place, and the declared schema itself must refuse it.
import type { z } from 'zod';

export type Mutant = { readonly what: string; readonly value: unknown };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const wrongTypes: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['a number', 12.5],
  ['a boolean', true],
  ['a text', 'no such value'],
  ['a list', [[]]],
  ['an object', { zz: 1 }],
  ['an empty text', ''],
  ['a huge number', 1e300],
  ['a negative number', -1],
];

/** Length no member of any contract should reach by accident; a schema that accepts it has no bound. */
export const overlong = 10_000;

/** Larger than any column of 32 bits; a schema that accepts one of them has no bound. */
const extremes = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];

const replacements = (value: unknown, long: number): readonly (readonly [string, unknown])[] => {
  const others = wrongTypes.filter(([, other]) => other !== value);
  if (typeof value === 'number')
    return [...others, ...extremes.map((extreme) => [`the whole number ${extreme}`, extreme] as const)];
  return typeof value === 'string' ? [...others, [`${long} characters more`, value + 'x'.repeat(long)]] : others;
};

// Yields the path of a change with the whole changed value.
function* changes(value: unknown, path: string, long = overlong): Generator<Mutant> {
  for (const [what, replacement] of replacements(value, long))
    yield { what: `${path || '/'}: ${what}`, value: replacement };
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      for (const inner of changes(item, `${path}/${i}`, long))
        yield { what: inner.what, value: value.with(i, inner.value) };
    }
    yield { what: `${path}: 3000 items`, value: Array.from({ length: 3_000 }, () => value[0] ?? 0) };
  }
  if (isObject(value)) {
    yield { what: `${path}: an unknown member`, value: { ...value, zz_unknown: true } };
    for (const [name, member] of Object.entries(value)) {
      const { [name]: _, ...without } = value;
      yield { what: `${path}/${name}: missing`, value: without };
      for (const inner of changes(member, `${path}/${name}`, long))
        yield { what: inner.what, value: { ...value, [name]: inner.value } };
    }
  }
}

/** All one-place changes of `value` that `schema` refuses. What it accepts is no mutant (an optional member left out). */
export const mutantsOf = (schema: z.ZodType, value: unknown): Mutant[] =>
  [...changes(value, '')].filter((mutant) => !schema.safeParse(mutant.value).success);

/** Texts in `value` that may be longer than `longest`, by JSON pointer: they have no declared bound worth the name. */
export const unboundedTexts = (schema: z.ZodType, value: unknown, longest: number): string[] =>
  [...changes(value, '', longest)]
    .filter((m) => m.what.endsWith('characters more') && schema.safeParse(m.value).success)
    .map((m) => m.what.split(':')[0] ?? '');

/** Numbers in `value`, a body, that may be as large or as small as a whole number gets, by JSON pointer: no column holds them. */
export const unboundedNumbers = (schema: z.ZodType, value: unknown): string[] => {
  const found = [...changes(value, '')]
    .filter((m) => extremes.some((extreme) => m.what.endsWith(`: the whole number ${extreme}`)))
    .filter((m) => schema.safeParse(m.value).success)
    .map((m) => m.what.split(':')[0] ?? '');
  return [...new Set(found)];
};

/** The same in `value`, params or a query: there a number is a text before it is read. */
export const unboundedTextNumbers = (schema: z.ZodType, value: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(value).filter((name) =>
    extremes.some((extreme) => {
      const { data } = schema.safeParse({ ...value, [name]: String(extreme) });
      return (data as Record<string, unknown> | undefined)?.[name] === extreme;
    }),
  );
