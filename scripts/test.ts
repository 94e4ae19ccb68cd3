/** Runs jest; arguments are jest's. Ends with 'N passed, N failed' and names what did not run. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lanesOf } from './test/lanes.ts';
import { runJest } from './test/run-jest.ts';
import { type JestReport, joined, slowest, summarise, unreported } from './test/summary.ts';

const help = `Usage: npm test [-- PATH ... | jest's options]

Runs every suite, those with containers of their own beside the others; or those whose path matches; -t PATTERN picks tests by name. For all of jest's options: node_modules/.bin/jest --help

  DATABASE_URL   a PostgreSQL 18 to use instead of the embedded one

Ends with the counts, and with NOT RUN: WHAT (n) for tests that lack something on this machine.
`;
const root = resolve(import.meta.dirname, '..');
const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  console.log(help);
  process.exit(0);
}

const kept = join(root, '.meridian', 'reports');
mkdirSync(kept, { recursive: true });
const folder = mkdtempSync(join(kept, 'test-'));

const runs = await Promise.all(
  lanesOf(args).map(async (words, lane) => {
    const reportFile = join(folder, `report-${lane}.json`);
    const status = await runJest({
      args: [
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        join(root, 'node_modules/jest/bin/jest.js'),
        ...['--json', `--outputFile=${reportFile}`, ...words],
      ],
      cwd: root,
      reportFile,
      lane,
    });
    const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as JestReport) : undefined;
    return { status, report };
  }),
);

const filtered = args.some((arg) => /^(-t|--testNamePattern)(=|$)/.test(arg));
const reports = runs.flatMap(({ report }) => report ?? []);
const report = joined(reports);
for (const line of slowest(report, root)) console.log(line);
if (reports.length === runs.length) for (const line of summarise(report, { filtered })) console.log(line);
else if (runs.some(({ status }) => status !== 0)) console.log(unreported);
rmSync(folder, { recursive: true, force: true });
process.exitCode = Math.max(...runs.map(({ status }) => status));
