import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type CaseAction, type CaseFacts, stepCase } from './case.ts';

const open: CaseFacts = { state: 'open', appeal: 'none', decidedBy: [] };
const decide = (verdict: 'uphold' | 'overturn', staffId: string): CaseAction => ({ do: 'decide', verdict, staffId });

describe('decisions', () => {
  test('a review without an appeal may uphold or overturn', () => {
    expect(stepCase(open, decide('uphold', 'a'))).toEqual({ state: 'upheld', appeal: 'none', lifts: false });
    expect(stepCase(open, decide('overturn', 'a'))).toEqual({ state: 'overturned', appeal: 'none', lifts: true });
  });
  test('an appeal is decided by another person than the one who decided before', () => {
    const appealed: CaseFacts = { state: 'upheld', appeal: 'open', decidedBy: ['a'] };
    expect(stepCase(appealed, decide('uphold', 'a'))).toEqual({ refused: 'second_person_required' });
    expect(stepCase(appealed, decide('overturn', 'a'))).toEqual({ refused: 'second_person_required' });
    expect(stepCase(appealed, decide('uphold', 'b'))).toEqual({ state: 'upheld', appeal: 'upheld', lifts: false });
    expect(stepCase(appealed, decide('overturn', 'b'))).toEqual({
      state: 'overturned',
      appeal: 'overturned',
      lifts: true,
    });
  });
  test('upholding twice decides nothing', () => {
    expect(stepCase({ state: 'upheld', appeal: 'none', decidedBy: ['a'] }, decide('uphold', 'b'))).toEqual({
      refused: 'case_not_decidable',
    });
  });
});

test('a protection that ends by itself never closes an appeal', () => {
  expect(stepCase(open, { do: 'expire' })).toMatchObject({ state: 'expired' });
  expect(stepCase({ ...open, appeal: 'open' }, { do: 'expire' })).toMatchObject({ state: 'open', appeal: 'open' });
  expect(stepCase({ ...open, state: 'upheld', decidedBy: ['a'] }, { do: 'expire' })).toMatchObject({ state: 'upheld' });
});

test('over any sequence: closed stays closed, one appeal per case, each person decides once, only people decide', () => {
  const action: fc.Arbitrary<CaseAction> = fc.oneof(
    fc.constant<CaseAction>({ do: 'appeal' }),
    fc.constant<CaseAction>({ do: 'expire' }),
    fc.record({
      do: fc.constant('decide' as const),
      verdict: fc.constantFrom('uphold' as const, 'overturn' as const),
      staffId: fc.constantFrom('a', 'b', 'c'),
    }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
      let facts = open;
      let appeals = 0;
      for (const one of actions) {
        const step = stepCase(facts, one);
        const closed = facts.state === 'overturned' || facts.state === 'expired';
        if (step.refused) continue;
        if (closed) expect(step).toMatchObject({ state: facts.state, appeal: facts.appeal });
        if (one.do === 'appeal') {
          appeals += 1;
          expect(step).toMatchObject({ state: facts.state, appeal: 'open' });
        }
        if (one.do === 'decide') {
          expect(facts.decidedBy).not.toContain(one.staffId);
          expect(step.appeal).not.toBe('open');
          expect(step.lifts).toBe(one.verdict === 'overturn');
        }
        if (one.do === 'expire') expect(step.appeal).toBe(facts.appeal);
        if (step.state === 'expired' || step.state === 'overturned') expect(step.appeal).not.toBe('open');
        facts = {
          state: step.state,
          appeal: step.appeal,
          decidedBy: one.do === 'decide' ? [...facts.decidedBy, one.staffId] : facts.decidedBy,
        };
      }
      expect(appeals).toBeLessThanOrEqual(1);
    }),
  );
});
