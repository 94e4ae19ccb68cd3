import { describe, expect, test } from '@jest/globals';
import { type JestReport, joined, slowest, summarise } from './summary.ts';

function report(tests: { status: string; title: string; in?: string }[], brokenFiles = 0): JestReport {
  const count = (status: string) => tests.filter((one) => one.status === status).length;
  const assertionResults = tests.map((one) => ({
    status: one.status,
    title: one.title,
    ancestorTitles: one.in ? [one.in] : [],
  }));
  return {
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numRuntimeErrorTestSuites: brokenFiles,
    testResults: [{ name: '/repo/a.test.ts', startTime: 0, endTime: 900, assertionResults }],
  };
}

test('the slowest files come first, at most ten, in whole seconds', () => {
  const file = (name: string, seconds: number) => ({
    name: `/repo/${name}`,
    startTime: 1_000,
    endTime: 1_000 + seconds * 1_000,
    assertionResults: [],
  });
  const many = Array.from({ length: 12 }, (_, i) => file(`n${i}.test.ts`, 20 + i));
  expect(slowest({ ...report([]), testResults: [file('quick.test.ts', 3), file('a.test.ts', 325)] }, '/repo')).toEqual([
    '  325 s  a.test.ts',
  ]);
  const lines = slowest({ ...report([]), testResults: many }, '/repo');
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('   31 s  n11.test.ts');
});

describe('closing lines of a test run', () => {
  test('count what passed and failed, a file that could not be loaded too', () => {
    const tests = [
      { status: 'passed', title: 'a' },
      { status: 'passed', title: 'b' },
      { status: 'failed', title: 'c' },
    ];
    expect(summarise(report(tests), { filtered: false })).toEqual(['2 passed, 1 failed']);
    expect(summarise(report(tests, 1), { filtered: false })).toEqual(['2 passed, 2 failed']);
  });

  test('are those of all runs side by side', () => {
    const one = report([{ status: 'passed', title: 'a' }]);
    const other = report(
      [
        { status: 'passed', title: 'b' },
        { status: 'failed', title: 'c' },
        { status: 'pending', title: '[needs kafka] d' },
      ],
      1,
    );
    expect(summarise(joined([one, other]), { filtered: false })).toEqual([
      '  not run: [needs kafka] d',
      '2 passed, 2 failed',
      'NOT RUN: kafka (1)',
    ]);
  });

  test('name what lacked something, counted by what it lacked', () => {
    const tests = [
      { status: 'passed', title: 'a' },
      { status: 'pending', title: 'replays', in: '[needs kafka] bus' },
      { status: 'pending', title: '[needs kafka] lags' },
      { status: 'pending', title: 'starts', in: '[needs docker compose] stack' },
    ];
    expect(summarise(report(tests), { filtered: true })).toEqual([
      '  not run: [needs kafka] bus › replays',
      '  not run: [needs kafka] lags',
      '  not run: [needs docker compose] stack › starts',
      '1 passed, 0 failed',
      'NOT RUN: kafka (2)',
      'NOT RUN: docker compose (1)',
    ]);
  });

  test('name skipped and unwritten tests, but not those a name filter left out', () => {
    const tests = [
      { status: 'pending', title: 'a' },
      { status: 'todo', title: 'b' },
    ];
    expect(summarise(report(tests), { filtered: false }).at(-1)).toBe('NOT RUN: skipped (2)');
    expect(summarise(report(tests), { filtered: true })).toEqual(['0 passed, 0 failed']);
  });
});
