// Golden samples: what was ever published must parse for ever. A sample is never edited; a new shape gets a new file.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { type EventDefinition, envelope } from './event.ts';
import { allEvents } from './events/all.ts';

const folder = new URL('../samples/', import.meta.url);
const types = new Map<string, EventDefinition>(allEvents.map((e) => [e.type, e]));
const samples = readdirSync(folder).flatMap((type) =>
  readdirSync(new URL(`${type}/`, folder)).map((file) => [type, file] as const),
);

describe('golden samples of events', () => {
  test.each(samples)('%s/%s still parses, and nothing of it is lost', (type, file) => {
    const sample: unknown = JSON.parse(readFileSync(new URL(`${type}/${file}`, folder), 'utf8'));
    const message = envelope.parse(sample);
    const definition = types.get(type);
    expect(message.type).toBe(type);
    expect(definition?.publishers).toContain(message.source.split('/')[1]);
    expect(definition?.data.parse(message.data)).toEqual(message.data);
  });

  test('every event has a sample, and every sample an event', () => {
    expect([...new Set(samples.map(([type]) => type))].sort()).toEqual([...types.keys()].sort());
  });
});
