// No event may have a place for personal data: every schema of every event is walked.
import { describe, expect, test } from '@jest/globals';
import { allEvents } from '@meridian/contracts/events/all.ts';
import { z } from 'zod';
import { isPersonalName } from '../src/telemetry/redaction.ts';
import { walkEvent as findings } from './walk-event.ts';

describe('events', () => {
  test.each(allEvents.map((event) => [event.type, event] as const))(
    '%s has no place for personal data',
    (_type, event) => {
      expect(findings(event.data)).toEqual([]);
    },
  );

  test('have distinct types', () => {
    expect(new Set(allEvents.map((event) => event.type)).size).toBe(allEvents.length);
    expect(allEvents.length).toBeGreaterThan(10);
  });
});

describe('the walk itself', () => {
  test.each([
    'phone',
    'mobile',
    'email',
    'name',
    'realName',
    'real_name',
    'idNumber',
    'id-number',
    'address',
    'ip',
    'ipAddress',
    'userAgent',
    'nickname',
    'avatar',
    'birthday',
    'birthYear',
    'text',
    'excerpt',
    'prompt',
    'securityEmail',
    'companyName',
  ])('finds %s', (name) => {
    expect(isPersonalName(name)).toBe(true);
    expect(findings(z.object({ [name]: z.enum(['a']) }))).toEqual([`/${name}: personal name`]);
  });

  test('finds it at any depth and in any wrapping', () => {
    const inner = z.object({ email: z.enum(['a']) });
    for (const wrapped of [
      inner,
      inner.optional(),
      inner.nullable(),
      z.array(inner),
      z.union([z.null(), inner]),
      z.record(z.enum(['k']), inner),
      z.tuple([inner]),
      inner.default({ email: 'a' }),
      inner.readonly(),
      z.lazy(() => inner),
      inner.transform((x) => x),
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('a'), email: z.enum(['a']) })]),
    ])
      expect(findings(z.object({ deep: z.object({ wrapped }) })).join()).toMatch(/email: personal name/);
  });

  test('finds free text and values of any kind', () => {
    expect(findings(z.object({ note: z.string() }))).toEqual(['/note: unbounded text']);
    expect(findings(z.object({ extra: z.unknown() }))).toEqual(['/extra: anything at all']);
    expect(findings(z.object({ open: z.looseObject({}) }))).toEqual(['/open: unknown members']);
    expect(
      findings(
        z.object({
          id: z.string().regex(/^a$/),
          code: z.string().max(60),
          at: z.iso.datetime(),
          kind: z.enum(['x']),
          n: z.number(),
          ok: z.boolean(),
        }),
      ),
    ).toEqual([]);
  });
});
