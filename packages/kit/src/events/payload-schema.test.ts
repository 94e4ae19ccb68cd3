import { expect, test } from '@jest/globals';
import { event } from '@meridian/contracts/event.ts';
import { z } from 'zod';
import { payloadSchemas } from './payload-schema.ts';

const definition = event({
  type: 'step-taken.v1',
  publishers: ['identity'],
  description: 'Test',
  data: z.object({ n: z.number() }),
});

test('what is published has the declared members alone; what is received may have more, and keeps them', () => {
  const { published, received } = payloadSchemas(definition);
  const more = { n: 1, added: 2 };
  expect(published.safeParse(more).success).toBe(false);
  expect(received.parse(more)).toEqual(more);
});

test('the schemas of a type are made once', () => {
  expect(payloadSchemas(definition)).toBe(payloadSchemas(definition));
});
