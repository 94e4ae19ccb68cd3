import { expect, test } from '@jest/globals';
import { noticeBackOff, noticeKinds, noticeText } from './notice.ts';

test('a notice is tried often in its first hour, and every hour from then on', () => {
  const waits = Array.from({ length: 12 }, (_, failed) => noticeBackOff(failed + 1));
  expect(waits).toEqual([5, 30, 120, 600, 600, 600, 600, 600, 600, 3_600, 3_600, 3_600]);
});

const all = (['zh-CN', 'en'] as const).flatMap((language) => noticeKinds.map((kind) => [kind, language] as const));

test.each(all)('%s in %s fits into the variables of an SMS template: 35 characters, no address', (kind, language) => {
  const at = new Date('2026-11-27T10:00:00Z');
  const helpCentre = 'https://help.example/account';
  // The longest there are: a code that stops a recovery, a token of staff.
  const extra = { recovery_started: '0123-4567-89AB-CDEF', recovery_offered: 'x'.repeat(22) }[kind as string];
  const { brief, text } = noticeText(kind, language, { at, helpCentre, extra });
  for (const value of Object.values(brief)) {
    expect(value.length).toBeLessThanOrEqual(35);
    expect(value).not.toMatch(/https?:/);
  }
  if (extra !== undefined)
    expect([brief.what, text]).toEqual([expect.stringContaining(extra), expect.stringContaining(extra)]);
  expect(text).toContain(helpCentre);
});
