import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decideOutcome,
  isOpen,
  mostDrives,
  nextDriveAt,
  type RegistryOutcome,
  registryOutcomes,
  reviewDays,
  type SubmissionState,
} from './submission.ts';

const now = new Date('2026-11-22T04:00:00Z');
const pending = { state: 'pending' as SubmissionState, drives: 0, createdAt: now, attended: true };
describe('an answer while the person waits', () => {
  test.each<[RegistryOutcome, object]>([
    ['match', { next: 'approve' }],
    ['mismatch', { next: 'close', state: 'rejected', reason: 'mismatch', usesAttempt: true }],
    ['invalid_input', { next: 'close', state: 'rejected', reason: 'invalid_input', usesAttempt: false }],
    ['not_found', { next: 'review', state: 'manual_review', reason: 'not_found', usesAttempt: false }],
    ['provider_limit', { next: 'close', state: 'freed', reason: 'provider_limit', usesAttempt: false }],
    ['provider_unavailable', { next: 'close', state: 'freed', reason: 'provider_unavailable', usesAttempt: false }],
    ['pending', { next: 'keep' }],
  ])('%s', (outcome, decision) => {
    expect(decideOutcome(pending, outcome, now)).toEqual(decision);
  });
});

test('an unattended submission waits out an outage, but not for ever', () => {
  const unattended = { ...pending, attended: false };
  expect(decideOutcome({ ...unattended, drives: mostDrives - 1 }, 'provider_unavailable', now)).toEqual({
    next: 'keep',
  });
  expect(decideOutcome({ ...unattended, drives: mostDrives }, 'provider_unavailable', now)).toMatchObject({
    state: 'freed',
  });
});

test('a review lapses after its days and is never a rejection', () => {
  const review = { ...pending, state: 'manual_review' as const, attended: false };
  const later = new Date(now.getTime() + reviewDays * 86_400_000);
  expect(decideOutcome(review, 'not_found', new Date(later.getTime() - 1))).toMatchObject({ state: 'manual_review' });
  expect(decideOutcome(review, 'not_found', later)).toMatchObject({ state: 'freed', reason: 'lapsed' });
});

test('only a mismatch uses up an attempt, and a final submission never changes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<SubmissionState>('pending', 'manual_review', 'approved', 'rejected', 'freed', 'superseded'),
      fc.constantFrom(...registryOutcomes),
      fc.boolean(),
      fc.nat({ max: 20 }),
      (state, outcome, attended, drives) => {
        const decision = decideOutcome({ state, drives, createdAt: now, attended }, outcome, now);
        if (!isOpen(state)) expect(decision).toEqual({ next: 'keep' });
        if ('usesAttempt' in decision) expect(decision.usesAttempt).toBe(outcome === 'mismatch');
        if (outcome === 'not_found' && 'state' in decision) expect(decision.state).not.toBe('rejected');
      },
    ),
  );
});

test('drives back off to an hour, a review is asked daily', () => {
  const minutes = (drives: number) => (nextDriveAt('pending', drives, now).getTime() - now.getTime()) / 60_000;
  expect([0, 1, 2, 5, 6, 50].map(minutes)).toEqual([1, 2, 4, 32, 60, 60]);
  expect(nextDriveAt('manual_review', 3, now).getTime() - now.getTime()).toBe(86_400_000);
});
