import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runJest } from './run-jest.ts';
import { unreported } from './summary.ts';

/** A script that ends by itself has all the time it needs, on a busy machine too. */
const runScript = async (script: string, endWithinMs = 30_000): Promise<number> => {
  const cwd = mkdtempSync(join(tmpdir(), 'meridian-jest-'));
  try {
    return await runJest({ args: ['-e', script], cwd, reportFile: join(cwd, 'report'), endWithinMs });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
};
const report = "require('node:fs').writeFileSync('report', '{}');";

test('answers its exit code', async () => {
  expect(await runScript(`${report} process.exitCode = 0`)).toBe(0);
  expect(await runScript(`${report} process.exitCode = 3`)).toBe(3);
});

test('a run that stays after its report is killed, and is no success', async () => {
  expect(await runScript(`${report} setInterval(() => {}, 1_000)`, 300)).toBe(1);
});

test('npm test says of a jest that left no report that nothing was counted, not that nothing passed', () => {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/test.ts', '--config=/no/such/config.json'], {
    encoding: 'utf8',
  });
  expect([status, stdout.trimEnd()]).toEqual([1, unreported]);
});

test('each of several draws ports from the range of its own', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'meridian-jest-'));
  try {
    const args = ['-e', `${report} process.exitCode = Number(process.env.MERIDIAN_TEST_LANE) + 10`];
    const statuses = [0, 1].map((lane) => runJest({ args, cwd, reportFile: join(cwd, 'report'), lane }));
    expect(await Promise.all(statuses)).toEqual([10, 11]);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});

test('one that has not reported is waited for', async () => {
  expect(await runScript(`setTimeout(() => { ${report} }, 1_500)`)).toBe(0);
});
