import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { orderOf, writeQuestions } from './seed.ts';

const share = (order: readonly number[], of: (index: number) => boolean) => order.filter(of).length / order.length;

test('uniform questions are about all keys alike, garbled ones are a share of them', () => {
  const order = orderOf(100, 'uniform', 0.5, 20_000);
  expect(share(order, (index) => index >= 100)).toBeCloseTo(0.5, 1);
  expect(share(order, (index) => index % 100 < 50)).toBeCloseTo(0.5, 1);
  expect(order.every((index) => index >= 0 && index < 200)).toBe(true);
});

test('Zipf questions are about the first keys most', () => {
  const order = orderOf(1_000, 'zipf', 0, 20_000);
  // 1/1 of the harmonic sum of 1,000, which is 7.485.
  expect(share(order, (index) => index === 0)).toBeCloseTo(1 / 7.485, 1);
  expect(share(order, (index) => index < 10)).toBeGreaterThan(0.3);
  expect(order.every((index) => index < 1_000)).toBe(true);
});

test('questions are about no model, which is what leaves a key without limits unlimited, or about the one that is named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-seed-'));
  try {
    const file = join(folder, 'questions');
    const first = (model?: string) => {
      writeQuestions(file, [{ accountId: 'acc', keyId: 'key', secret: 'sk-cn1_x1' }], model);
      return JSON.parse(readFileSync(file, 'utf8').split('\n')[0] as string);
    };
    expect(first()).toEqual({ key: 'sk-cn1_x1', product: 'payg', model: null });
    expect(first('m')).toMatchObject({ model: 'm', tokensEstimate: 10 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
