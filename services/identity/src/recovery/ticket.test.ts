import { describe, expect, test } from '@jest/globals';
import { needsApproval, outsideStatus, type TicketLife, ticketStatus, ticketTimes } from './ticket.ts';

const rules = { coolingOffHours: 24, staffApproval: false };
const opened = new Date('2026-11-01T00:00:00Z');
const after = (hours: number) => new Date(opened.getTime() + hours * 3_600_000);
const ticket = (change: Partial<TicketLife> = {}): TicketLife => ({
  state: 'open',
  needsApproval: true,
  ...ticketTimes(rules, opened),
  ...change,
});

describe('a ticket', () => {
  test('rests, is reviewed, and ends by itself a week later', () => {
    expect([1, 23, 24, 24 + 7 * 24 - 1, 24 + 7 * 24].map((h) => ticketStatus(ticket(), after(h)))).toEqual([
      'cooling_off',
      'cooling_off',
      'in_review',
      'in_review',
      'refused',
    ]);
  });

  test('an approval does not shorten the cooling-off', () => {
    const approved = ticket({ state: 'approved' });
    expect([ticketStatus(approved, after(23)), ticketStatus(approved, after(24))]).toEqual(['cooling_off', 'ready']);
  });

  test('a matching real name needs nobody, unless the profile wants staff each time', () => {
    expect(needsApproval(rules, 'match')).toBe(false);
    expect(needsApproval({ ...rules, staffApproval: true }, 'match')).toBe(true);
    expect([needsApproval(rules, 'no_match'), needsApproval(rules, 'not_asked')]).toEqual([true, true]);
  });

  test.each(['refused', 'stopped'] as const)('%s reads from outside like one for an unknown account', (state) => {
    for (const hours of [1, 30, 500])
      expect(outsideStatus(ticket({ state, needsApproval: false }), after(hours))).toBe(
        outsideStatus(ticket(), after(hours)),
      );
  });
});
