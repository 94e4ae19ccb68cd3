import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runJest } from './run-jest.ts';

const runScript = async (script: string, endWithinMs = 20_000): Promise<number> => {
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

test('one that has not reported is waited for', async () => {
  expect(await runScript(`setTimeout(() => { ${report} }, 1_500)`)).toBe(0);
});
