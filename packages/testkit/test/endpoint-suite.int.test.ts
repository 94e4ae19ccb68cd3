import { describe, expect, test } from '@jest/globals';
import { type EndpointDefinition, endpoint } from '@meridian/contracts/endpoint.ts';
import { z } from 'zod';
import { checkEndpoint } from '../src/endpoint-suite/check-endpoint.ts';
import { endpointSuite } from '../src/endpoint-suite.ts';
import { type Bug, createNote, deleteNote, demoEndpoints, getNote, listNotes, startDemo } from './demo-service.ts';

endpointSuite({ service: 'billing', endpoints: demoEndpoints, start: () => startDemo() });

describe('planted bugs turn the suite red', () => {
  const planted: [Bug, EndpointDefinition, RegExp][] = [
    ['leaks a 500', getNote, /an id that does not exist: expected 404, got 500/],
    ['answers undeclared', getNote, /an id that does not exist: expected 404, got 500/],
    ['writes before it refuses', deleteNote, /a refused request wrote: .*(an id that does not exist|another account)/],
    ['shows notes of others', getNote, /another account's id: expected 404, got 200/],
    ['forgets the role', listNotes, /staff without a role: expected 403, got 200/],
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
  test('a text without an upper bound is reported', async () => {
    const running = await startDemo();
    const unbounded = endpoint({ ...createNote, body: z.strictObject({ text: z.string() }) });
    const verdicts = await checkEndpoint(running, unbounded, demoEndpoints).finally(running.stop);
    expect(verdicts).toContainEqual({ group: 'shape', what: 'body /text', failure: 'has no declared upper bound' });
  });
});
