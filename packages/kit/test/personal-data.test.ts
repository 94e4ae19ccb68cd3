// No event may have a place for personal data: every schema of every event is walked. And what is personal is known from the contracts: every
// member of a request that takes what a person types.
import { describe, expect, test } from '@jest/globals';
import { endpointsOf } from '@meridian/contracts/all.ts';
import { personText } from '@meridian/contracts/common.ts';
import { isInternal } from '@meridian/contracts/endpoint.ts';
import { envelope } from '@meridian/contracts/event.ts';
import { allEvents } from '@meridian/contracts/events/all.ts';
import { z } from 'zod';
import { isPersonalName } from '../src/telemetry/redaction.ts';
import { walkEvent as findings, unknownFreeText } from './walk-event.ts';

// Text that nobody types: it comes from the region's profile, which is part of the deployment.
const ofTheProfile: Readonly<Record<string, readonly string[]>> = {
  'account-erased.v1': ['/retained/*/basis: free text'],
};

describe('events', () => {
  test.each(allEvents.map((event) => [event.type, event] as const))(
    '%s has no place for personal data',
    (type, event) => {
      expect(findings(event.data)).toEqual(ofTheProfile[type] ?? []);
    },
  );

  test('nor has what is around them', () => {
    expect(findings(envelope.omit({ data: true }))).toEqual([]);
  });

  test('have distinct types', () => {
    expect(new Set(allEvents.map((event) => event.type)).size).toBe(allEvents.length);
    expect(allEvents.length).toBeGreaterThan(10);
  });
});

describe('requests', () => {
  // What a person's program fills in, or a word whose meaning is ours though its form is open.
  const harmless = new Set([
    ...['channel', 'currency', 'model', 'models', 'endpoint', 'endpoints', 'cursor', 'role', 'type', 'kind', 'event'],
    ...['consentVersion', 'termsVersion', 'consequencesVersion', 'ruleId', 'requestId'],
    // Of a passkey and of a sign-in elsewhere: drawn by machines.
    ...[
      'id',
      'rawId',
      'clientDataJSON',
      'authenticatorData',
      'attestationObject',
      'userHandle',
      'challenge',
      'deviceId',
    ],
    ...['transports', 'error', 'iss', 'state', '*'],
    // One of the addresses that the profile lists.
    'returnTo',
    // An enum in events; where a person writes it, the walk finds it by its form.
    'reason',
  ]);

  test('take no text of a person whose name is not known as personal', () => {
    const unknown = Object.values(endpointsOf)
      .flat()
      .flatMap((e) => [e.params, e.query, e.body].map((part) => [e, part] as const))
      .flatMap(([e, part]) =>
        part === undefined || part === 'raw' ? [] : unknownFreeText(part).map((name) => `${e.id}: ${name}`),
      );
    expect(unknown.filter((found) => !harmless.has(found.split(': ')[1] ?? ''))).toEqual([]);
  });

  test('a new member of that kind is found', () => {
    const body = z.strictObject({ hobby: personText(60), name: personText(60), at: z.iso.datetime() });
    expect(unknownFreeText(body)).toEqual(['hobby']);
    expect(Object.values(endpointsOf).flat().filter(isInternal).length).toBeGreaterThan(5);
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
    'number',
    'identifier',
    'surname',
    'remark',
    'note',
    'project',
    'displayName',
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

  test('finds free text and values of any kind; a bound on the length is none', () => {
    expect(findings(z.object({ reply: z.string() }))).toEqual(['/reply: free text']);
    expect(findings(z.object({ reply: z.string().max(2_000) }))).toEqual(['/reply: free text']);
    expect(findings(z.object({ reply: z.string().min(1).max(3) }))).toEqual(['/reply: free text']);
    expect(findings(z.object({ reply: personText(60) }))).toEqual(['/reply: free text']);
    expect(findings(z.object({ to: z.email() }))).toEqual(['/to: free text']);
    expect(findings(z.object({ counts: z.record(z.string().max(60), z.number()) }))).toEqual([
      '/counts/<name>: free text',
    ]);
    expect(findings(z.object({ extra: z.unknown() }))).toEqual(['/extra: anything at all']);
    expect(findings(z.object({ open: z.looseObject({}) }))).toEqual(['/open: unknown members']);
  });

  test('lets ids, words of ours, amounts and times through', () => {
    expect(
      findings(
        z.object({
          id: z.string().regex(/^acc_[a-z]{2}_[0-9A-Z]{26}$/),
          code: z.string().regex(/^[a-z_]{1,60}$/),
          amount: z.string().regex(/^-?[0-9]{1,18}$/),
          at: z.iso.datetime(),
          until: z.iso.date(),
          kind: z.enum(['x']),
          n: z.number(),
          ok: z.boolean(),
          counts: z.record(z.string().regex(/^[a-z_]{1,60}$/), z.number()),
        }),
      ),
    ).toEqual([]);
  });
});
