// npm run bench: measures, prints a table (or one JSON line per figure), and fails when a budget is missed or a budgeted figure is absent.
import { parseArgs } from 'node:util';
import { composeBench } from './bench/compose.ts';
import { eventsBench } from './bench/events.ts';
import { type Figure, repetitions, table } from './bench/figure.ts';
import { keysBench } from './bench/keys.ts';
import { sessionsBench } from './bench/sessions.ts';
import { startBench } from './bench/start.ts';

const benches: Readonly<Record<string, (progress: (line: string) => void) => Promise<Figure[]>>> = {
  start: startBench,
  keys: keysBench,
  sessions: sessionsBench,
  compose: composeBench,
  events: eventsBench,
};

const help = `Usage: npm run bench -- NAME|all [--json]

Benches: ${Object.keys(benches).join(', ')}. Each figure is the median of ${repetitions} repetitions in one run (events: of one run over thousands of events).

  --json   one line per figure: {"bench","figure","value","unit","budget","ok"}
`;

const main = async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return console.log(help);
  const names = positionals[0] === 'all' ? Object.keys(benches) : positionals;
  const unknown = names.find((name) => !benches[name]);
  if (names.length === 0 || unknown !== undefined)
    throw new Error(`${unknown ? `there is no bench "${unknown}"` : 'name a bench'}\n\n${help}`);
  const figures: Figure[] = [];
  for (const name of names)
    figures.push(...(await (benches[name] as (typeof benches)[string])((line) => console.error(line))));
  console.log(values.json ? figures.map((f) => JSON.stringify(f)).join('\n') : table(figures));
  if (figures.some((f) => !f.ok)) process.exitCode = 1;
};

await main().catch((error: Error) => {
  console.error(`bench: ${error.message}`);
  process.exit(1);
});
