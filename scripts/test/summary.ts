/** What is read of jest's --json report. */
export type JestReport = {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
  testResults: {
    name: string;
    startTime: number;
    endTime: number;
    assertionResults: { status: string; title: string; ancestorTitles: string[] }[];
  }[];
};

/** The mark of a test that needs what is not there, e.g. '[needs kafka] replays after a rebalance'. */
const NEEDS = /^\[needs ([a-z0-9 -]+)\] /;

/** In place of the counts when jest left none: it could not begin, or was ended. It names a file as soon as that has run. */
export const unreported = 'NOT RUN: jest ended before it counted its tests; the files that had run are named above';

/** The reports of runs side by side as one. */
export const joined = (reports: readonly JestReport[]): JestReport => {
  const sum = (of: (report: JestReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  return {
    numPassedTests: sum((report) => report.numPassedTests),
    numFailedTests: sum((report) => report.numFailedTests),
    numRuntimeErrorTestSuites: sum((report) => report.numRuntimeErrorTestSuites),
    testResults: reports.flatMap((report) => report.testResults),
  };
};

/** Files that took longest, in seconds: where a slow run is mended. Files of under ten seconds are not worth a line. */
export const slowest = (report: JestReport, root: string): string[] =>
  report.testResults
    .map(({ name, startTime, endTime }) => ({ name, seconds: Math.round((endTime - startTime) / 1_000) }))
    .filter(({ seconds }) => seconds >= 10)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 10)
    .map(({ name, seconds }) => `${String(seconds).padStart(5)} s  ${name.replace(`${root}/`, '')}`);

/**
 * The closing lines of a test run, the plain counts last but for what did not run. A file that could not be loaded counts as a failure.
 * With a name filter most tests are pending by wish, so that only marked ones count as not run.
 */
export function summarise(report: JestReport, options: { filtered: boolean }): string[] {
  const notRun = new Map<string, string[]>();
  for (const file of report.testResults)
    for (const test of file.assertionResults) {
      if (test.status !== 'pending' && test.status !== 'todo') continue;
      const names = [...test.ancestorTitles, test.title];
      const need = names.map((name) => NEEDS.exec(name)?.[1]).find((found) => found !== undefined);
      if (need === undefined && options.filtered) continue;
      const list = notRun.get(need ?? 'skipped') ?? [];
      list.push(names.join(' › '));
      notRun.set(need ?? 'skipped', list);
    }
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const lines = [...notRun.values()].flat().map((name) => `  not run: ${name}`);
  lines.push(`${report.numPassedTests} passed, ${failed} failed`);
  for (const [need, names] of notRun) lines.push(`NOT RUN: ${need} (${names.length})`);
  return lines;
}
