import { expect, test } from '@jest/globals';
import { ProblemError, TransportError } from './errors.ts';
import { failureOfEnd, mayBeHeld } from './hold-end.ts';

const problem = (status: number, code: string) =>
  new ProblemError('x', { type: 'about:blank', title: code, status, code, requestId: 'r' }, undefined);

test('only final answers end the repetition', () => {
  for (const code of ['request_mismatch', 'hold_not_open', 'invalid_input', 'region_mismatch'])
    for (const what of ['settle', 'release'] as const) expect(failureOfEnd(what, problem(409, code))).toBe('refused');
  for (const error of [
    problem(401, 'unauthenticated'),
    problem(403, 'forbidden'),
    problem(429, 'rate_limited'),
    problem(503, 'unavailable'),
    new TransportError('timeout', 'no answer'),
    new TransportError('bad_answer', 'a page of a proxy', { status: 404 }),
    new TypeError('no token'),
  ])
    for (const what of ['settle', 'release'] as const) expect(failureOfEnd(what, error)).toBe('failed');
});

test('a hold that is not there is final for a settlement, and may still appear for a release', () => {
  expect(failureOfEnd('settle', problem(404, 'not_found'))).toBe('refused');
  expect(failureOfEnd('release', problem(404, 'not_found'))).toBe('absent');
});

test('a refused hold is none; any other that failed may be one', () => {
  expect(mayBeHeld(problem(402, 'insufficient_balance'))).toBe(false);
  for (const code of ['timeout', 'unreachable', 'bad_answer'] as const)
    expect(mayBeHeld(new TransportError(code, code))).toBe(true);
  for (const error of [problem(500, 'internal'), problem(503, 'unavailable')]) expect(mayBeHeld(error)).toBe(true);
});
