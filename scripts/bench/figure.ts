// One measured figure, its budget, and how a set of them is printed.

export type Figure = {
  readonly bench: string;
  readonly figure: string;
  readonly value: number;
  /** How many values the median is of. */
  readonly of: number;
  readonly unit: string;
  /** Such as "<= 8" or ">= 0.5"; null: shown, not judged. */
  readonly budget: string | null;
  readonly ok: boolean;
};

export const repetitions = 5;

export const median = (values: readonly number[]): number => {
  if (values.length === 0) throw new Error('a median needs at least one value');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
};

const within = (value: number, budget: string): boolean => {
  const [, operator, bound] = /^(<=|>=|=) (\d+(?:\.\d+)?)$/.exec(budget) ?? [];
  if (operator === '<=') return value <= Number(bound);
  if (operator === '>=') return value >= Number(bound);
  if (operator === '=') return value === Number(bound);
  throw new Error(`a budget is "<= n", ">= n" or "= n", not "${budget}"`);
};

/** The median of `values` as a figure, judged against its budget. */
export const figure = (
  bench: string,
  name: string,
  values: readonly number[],
  unit: string,
  budget: string | null,
): Figure => {
  const value = Number(median(values).toPrecision(4));
  return { bench, figure: name, value, of: values.length, unit, budget, ok: budget === null || within(value, budget) };
};

/** A line for a program. */
export const jsonLine = ({ bench, figure, value, unit, budget, ok }: Figure): string =>
  JSON.stringify({ bench, figure, value, unit, budget, ok });

/** A table for a person. */
export const table = (figures: readonly Figure[]): string => {
  const rows = [
    ['bench', 'figure', 'median', 'of', 'unit', 'budget', ''],
    ...figures.map((f) => [
      ...[f.bench, f.figure, String(f.value), String(f.of), f.unit, f.budget ?? '-'],
      f.ok ? 'ok' : 'MISSED',
    ]),
  ];
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};
