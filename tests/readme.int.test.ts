// Every command of the README runs. The main job by curl runs against a copy on other ports; the commands that start or test the platform are run elsewhere and named here.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] as string);

/** Where a command that no shell block of this test can run is run instead. */
const runElsewhere: Readonly<Record<string, string>> = {
  'npm start': 'scripts/test/start.int.test.ts',
  'npm test': 'the run you are reading',
  'npm run journey -- --region cn': 'tests/journeys.int.test.ts',
  'npm run journey -- --region global': 'tests/journeys.int.test.ts',
};
const isElsewhere = (block: string) =>
  block
    .trim()
    .split('\n')
    .every((line) => line in runElsewhere);
const byHand = blocks.filter((block) => !isElsewhere(block));

let copy: TestCopy;
beforeAll(async () => {
  copy = await startTestCopy();
}, 60_000);
afterAll(() => copy.stop());

test('every command stands in a block that is run', () => {
  expect(
    blocks
      .filter(isElsewhere)
      .flatMap((block) => block.trim().split('\n'))
      .sort(),
  ).toEqual(Object.keys(runElsewhere).sort());
  expect(byHand.length).toBeGreaterThan(5);
});

test('the main job by curl does what the text says', async () => {
  const region = copy.region('cn');
  const script = byHand
    .join('\n')
    .replace('http://127.0.0.1:4020', region.api)
    .replace('http://127.0.0.1:4000', copy.sandbox);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    timeout: 60_000,
    maxBuffer: 10_000_000,
  });
  // In the order of the blocks: profile, account, refusal, verification, balance, completion, charge, the other region's refusal, protection, appeal,
  // decision, models again, cancellation, receipt.
  for (const promise of [
    '"id":"cn"',
    '"status":"active"',
    '"code":"real_name_required"',
    '"allowsPayment":true',
    '"available":"1000000000"',
    '"object":"chat.completion"',
    '"outcome":"completed"',
    '"code":"key_region_mismatch"',
    '"code":"account_protected"',
    '"status":"open"',
    '"state":"overturned"',
    '"object":"list"',
    '"code":"account_cancelled"',
    '"status":"erased"',
  ])
    expect(stdout).toContain(promise);
}, 90_000);

test.each(['events', 'bench'])(
  'npm run %s -- --help, which the text names, helps',
  async (command) => {
    expect(readme).toContain(`npm run ${command} -- --help`);
    const { stdout } = await promisify(execFile)(process.execPath, ['scripts/run.mjs', command, '--help'], {
      timeout: 60_000,
    });
    expect(stdout).toContain(`npm run ${command}`);
  },
  90_000,
);
