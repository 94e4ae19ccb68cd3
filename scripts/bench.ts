// npm run bench: measures, prints a table (or one JSON line per figure), and fails when a budget is missed or a budgeted figure is absent.
import type { Bench } from './bench/bench.ts';
import { composeBench } from './bench/compose.ts';
import { eventsBench } from './bench/events.ts';
import { keysBench } from './bench/keys.ts';
import { runBenches } from './bench/run-benches.ts';
import { sessionsBench } from './bench/sessions.ts';
import { startBench } from './bench/start.ts';

const benches: readonly Bench[] = [startBench, keysBench, sessionsBench, composeBench, eventsBench];

// By an exit, so that databases and copies that are measured end too.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

try {
  process.exitCode = await runBenches(process.argv.slice(2), benches, { out: console.log, error: console.error });
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exit(1);
}
