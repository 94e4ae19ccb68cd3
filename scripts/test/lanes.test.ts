import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { lanesOf } from './lanes.ts';

const filesOf = (args: readonly string[]) => {
  const { stdout } = spawnSync(process.execPath, ['node_modules/jest/bin/jest.js', '--listTests', ...args], {
    encoding: 'utf8',
  });
  return stdout.trim().split('\n').sort();
};

test('a run of everything runs each suite once, those with containers of their own beside the others', () => {
  const lanes = lanesOf([]).map(filesOf);
  expect(lanes.flat().sort()).toEqual(filesOf([]));
  expect(lanes[0]).toEqual(expect.arrayContaining([expect.stringMatching(/tests\/compose\.int\.test\.ts$/)]));
  expect(lanes[1]).toEqual(expect.arrayContaining([expect.stringMatching(/scripts\/test\/lanes\.test\.ts$/)]));
}, 60_000);

test('suites that are picked run one after the other', () => {
  expect(lanesOf(['services/billing', '-t', 'refund'])).toEqual([['services/billing', '-t', 'refund']]);
});
