import { describe, expect, test } from '@jest/globals';
import type { Bench } from './bench.ts';
import { type Figure, figure } from './figure.ts';
import { runBenches } from './run-benches.ts';

const fast = figure('fast', 'ratio', [2, 3, 1], 'x', '>= 1');
const shown = figure('fast', 'seconds', [0.25], 's', null);
const bench = (name: string, figures: Figure[] | Error, budgeted: string[] = []): Bench => ({
  name,
  budgeted,
  measure: async () => {
    if (figures instanceof Error) throw figures;
    return figures;
  },
});

const run = async (args: string[], ...benches: Bench[]) => {
  const out: string[] = [];
  const error: string[] = [];
  const print = { out: (text: string) => void out.push(text), error: (text: string) => void error.push(text) };
  return { status: await runBenches(args, benches, print), out, error };
};

describe('npm run bench', () => {
  test('--json says one line per figure, with these members alone, and nothing else on standard output', async () => {
    const noted = { ...bench('fast', [fast, shown], ['ratio']), note: 'twice' };
    const { status, out, error } = await run(['fast', '--json'], noted);
    expect(status).toBe(0);
    expect(out.join('\n').split('\n')).toEqual([
      '{"bench":"fast","figure":"ratio","value":2,"unit":"x","budget":">= 1","ok":true}',
      '{"bench":"fast","figure":"seconds","value":0.25,"unit":"s","budget":null,"ok":true}',
    ]);
    expect(error).toEqual(['fast: twice']);
  });

  test('fails for a budget that is missed, and shows it', async () => {
    const slow = bench('slow', [figure('slow', 'ratio', [0.5], 'x', '>= 1')], ['ratio']);
    expect(await run(['slow'], slow)).toMatchObject({ status: 1, out: [expect.stringContaining('MISSED')] });
  });

  test.each([
    ['a budgeted figure that is absent', [shown], ['ratio'], 'bench: fast: "ratio" is absent'],
    ['one that lost its budget', [{ ...fast, budget: null }], ['ratio'], 'bench: fast: "ratio" is absent'],
    ['a budget that nobody declared', [fast], [], 'bench: fast: "ratio" has a budget that the bench does not declare'],
    ['no figure at all', [], [], 'bench: fast measured nothing'],
  ])('fails for %s', async (_, figures, budgeted, said) => {
    expect(await run(['fast'], bench('fast', figures, budgeted))).toMatchObject({ status: 1, error: [said] });
  });

  test('all: shows each bench as it ends, goes on when one throws, and fails at the end', async () => {
    const seen: number[] = [];
    const out: string[] = [];
    const watching = {
      ...bench('last', [shown]),
      measure: async () => [seen.push(out.length), shown].slice(1) as Figure[],
    };
    const benches = [bench('fast', [fast], ['ratio']), bench('broken', new Error('no engine')), watching];
    const error: string[] = [];
    const print = { out: (text: string) => void out.push(text), error: (text: string) => void error.push(text) };
    expect(await runBenches(['all'], benches, print)).toBe(1);
    expect(seen).toEqual([1]);
    expect(out).toHaveLength(2);
    expect(error).toEqual(['bench: broken failed: no engine']);
  });

  test('refuses a name that there is not, before anything is measured', async () => {
    expect(await run(['fast', 'fats'], bench('fast', [fast], ['ratio']))).toMatchObject({
      status: 1,
      out: [],
      error: [expect.stringContaining('there is no bench "fats"')],
    });
    expect((await run([], bench('fast', [fast]))).status).toBe(1);
  });
});
