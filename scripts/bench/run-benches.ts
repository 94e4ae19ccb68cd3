// Runs benches one after another and shows each as it ends. One that fails does not take the others along.
import { parseArgs } from 'node:util';
import { type Bench, mistakesOf } from './bench.ts';
import { jsonLine, repetitions, table } from './figure.ts';

type Print = { readonly out: (text: string) => void; readonly error: (text: string) => void };

const helpOf = (benches: readonly Bench[]) => `Usage: npm run bench -- NAME...|all [--json]

Measures, and ends with 1 when a budget is missed, a figure with a budget is absent, or a bench cannot run.
A figure is the median of ${repetitions} repetitions in one run, or of as many as the column "of" says.

${benches.map(({ name, note }) => `  ${name.padEnd(10)}${note ?? ''}`.trimEnd()).join('\n')}

  --json   one line per figure: {"bench","figure","value","unit","budget","ok"}
`;

/** Whether everything the bench promises was measured and kept. */
const runOne = async (bench: Bench, json: boolean, print: Print): Promise<boolean> => {
  try {
    const figures = await bench.measure(print.error);
    if (figures.length > 0) print.out(json ? figures.map(jsonLine).join('\n') : table(figures));
    if (bench.note) (json ? print.error : print.out)(`${bench.name}: ${bench.note}`);
    const mistakes = mistakesOf(bench, figures);
    for (const mistake of mistakes) print.error(`bench: ${mistake}`);
    return mistakes.length === 0 && figures.every(({ ok }) => ok);
  } catch (error) {
    print.error(`bench: ${bench.name} failed: ${(error as Error).message}`);
    return false;
  }
};

/** Answers the exit code. */
export const runBenches = async (args: string[], benches: readonly Bench[], print: Print): Promise<number> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    print.out(helpOf(benches));
    return 0;
  }
  const all = positionals.length === 1 && positionals[0] === 'all';
  const unknown = all ? undefined : positionals.find((wanted) => !benches.some(({ name }) => name === wanted));
  if (positionals.length === 0 || unknown !== undefined) {
    print.error(`bench: ${unknown ? `there is no bench "${unknown}"` : 'name a bench'}\n\n${helpOf(benches)}`);
    return 1;
  }
  let kept = true;
  for (const bench of benches)
    if (all || positionals.includes(bench.name)) kept = (await runOne(bench, values.json, print)) && kept;
  return kept ? 0 : 1;
};
