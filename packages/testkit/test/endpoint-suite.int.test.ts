import { describe, expect, test } from '@jest/globals';
import { type EndpointDefinition, endpoint } from '@meridian/contracts/endpoint.ts';
import { z } from 'zod';
import { checkEndpoint } from '../src/endpoint-suite/check-endpoint.ts';
import type { Sample } from '../src/endpoint-suite/suite-types.ts';
import { endpointSuite } from '../src/endpoint-suite.ts';
import {
  type Bug,
  createNote,
  deleteNote,
  demoEndpoints,
  getNote,
  linkNotes,
  listNotes,
  notify,
  startDemo,
} from './demo-service.ts';

endpointSuite({ service: 'billing', endpoints: demoEndpoints, start: () => startDemo() });

describe('planted bugs turn the suite red', () => {
  const planted: [Bug, EndpointDefinition, RegExp][] = [
    ['leaks a 500', getNote, /an id that does not exist: expected 404, got 500/],
    ['answers undeclared', getNote, /an id that does not exist: expected 404, got 500/],
    ['writes before it refuses', deleteNote, /a refused request wrote: .*(an id that does not exist|another account)/],
    ['shows notes of others', getNote, /another account's id: expected 404, got 200/],
    ['links notes of others', linkNotes, /body link\/from: another account's id: expected 404, got 204/],
    ['links notes of others', linkNotes, /body link\/to: another account's id: expected 404, got 204/],
    ["looks up another region's ids", getNote, /param noteId: an id of another region: expected 421, got 404/],
    ["looks up another region's ids", linkNotes, /body link\/to: an id of another region: expected 421, got 404/],
    ['believes any sender', notify, /no credential: expected 403, got 204/],
    ['believes any sender', notify, /signed with another secret: expected 403, got 204/],
    ['reads the bytes before the proof', notify, /signed: half of the bytes: expected 403, got 500/],
    ['forgets the role', listNotes, /staff without a role: expected 403, got 400/],
    ['believes any cursor', listNotes, /query cursor of null: expected 400, got 500/],
    ['forgets to authenticate', getNote, /no credential: expected 401, got 404/],
    ['accepts anything', createNote, /body \/text: a number: expected 400, got 201/],
  ];
  test.each(planted)('%s', async (bug, broken, expected) => {
    const running = await startDemo(bug);
    try {
      const failures = (await checkEndpoint(running, broken, demoEndpoints)).filter((v) => v.failure !== undefined);
      expect(failures.map((v) => `${v.what}: ${v.failure}`).join('\n')).toMatch(expected);
    } finally {
      await running.stop();
    }
  });
  const failuresOf = async (endpoint: EndpointDefinition, sampleOf?: (e: EndpointDefinition) => Sample | undefined) => {
    const running = await startDemo();
    const verdicts = await checkEndpoint(
      { ...running, ...(sampleOf && { sampleOf }) },
      endpoint,
      demoEndpoints,
    ).finally(running.stop);
    return verdicts.filter((v) => v.failure !== undefined).map((v) => `${v.what}: ${v.failure}`);
  };

  test('a text without an upper bound is reported, in a large body too', async () => {
    const unbounded = endpoint({ ...createNote, body: z.strictObject({ text: z.string() }) });
    expect(await failuresOf(unbounded)).toContain('body /text: has no declared bound');
    expect(await failuresOf(endpoint({ ...unbounded, maxBodyBytes: 1_048_576 }))).toContain(
      'body /text: has no declared bound',
    );
    const bounded = z.strictObject({ text: z.string().max(1_048_576) });
    expect(await failuresOf(endpoint({ ...unbounded, body: bounded, maxBodyBytes: 1_048_576 }))).not.toContain(
      'body /text: has no declared bound',
    );
  });

  test('a whole number without a bound is reported, in the body, the query and the path', async () => {
    const whole = z.number().int();
    const failures = await failuresOf(
      endpoint({
        ...createNote,
        path: '/v1/notes/{page}',
        params: z.strictObject({ page: z.coerce.number().int() }),
        query: z.strictObject({ after: z.coerce.number().int().min(0), place: z.string().regex(/^[0-9]{1,18}$/) }),
        body: z.strictObject({
          at: z.array(z.strictObject({ low: whole.min(0), high: whole.max(9) })),
          few: whole.min(0).max(9),
        }),
      }),
    );
    expect(failures.filter((failure) => failure.endsWith('has no declared bound'))).toEqual(
      ['param page', 'query after', 'body /at/0/low', 'body /at/0/high'].map(
        (what) => `${what}: has no declared bound`,
      ),
    );
  });

  test('an endpoint whose sample proves nothing is reported, not passed over', async () => {
    const none = () => undefined;
    expect(await failuresOf(getNote, none)).toContain('param noteId: the sample gives no id that belongs to the user');
    expect(await failuresOf(linkNotes, none)).toEqual(
      expect.arrayContaining([
        'body link/from: the sample gives no id that belongs to the user',
        'body link/to: the sample gives no id that belongs to the user',
      ]),
    );
    const nowhere = `note_cn_${'0'.repeat(26)}`;
    expect((await failuresOf(deleteNote, () => ({ params: { noteId: nowhere } }))).join()).toContain(
      'param noteId: the id of the sample stands nowhere in the state',
    );
    expect(await failuresOf(notify, none)).toContain('the proof of a sender: the sample shows none: give `signature`');
    const silent = endpoint({ ...getNote, problems: [] });
    expect((await failuresOf(silent)).join()).toContain('no 404 is declared for an unknown id');
  });

  test('a proof that the service itself refuses proves nothing either', async () => {
    const running = await startDemo();
    const wrong = (): Sample => {
      const right = running.sampleOf?.(notify) as Sample;
      return { ...right, headers: { 'x-proof': 'wrong' } };
    };
    const verdicts = await checkEndpoint({ ...running, sampleOf: wrong }, notify, demoEndpoints).finally(running.stop);
    expect(verdicts.find((v) => v.what === 'the right sender is heard')?.failure).toMatch(/got 403/);
  });
});
