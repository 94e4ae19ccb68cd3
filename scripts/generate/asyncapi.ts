// AsyncAPI 3.0 of one publishing service, from the declared events alone.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { type EventDefinition, envelope } from '@meridian/contracts/event.ts';
import { z } from 'zod';
import { type JsonObject, jsonSchema } from './json-schema.ts';

const messageOf = (event: EventDefinition): JsonObject => ({
  name: event.type,
  summary: event.description,
  contentType: 'application/cloudevents+json',
  payload: jsonSchema(envelope.extend({ type: z.literal(event.type), data: event.data }), 'output'),
});

/** The document of the events that `service` publishes: one topic per region, keyed by account. */
export const asyncApi = (service: ServiceName, events: readonly EventDefinition[]): JsonObject => ({
  asyncapi: '3.0.0',
  info: { title: `Meridian ${service} events`, version: '1', license: { name: 'Apache-2.0' } },
  defaultContentType: 'application/cloudevents+json',
  channels: {
    events: {
      address: `{region}.${service}.events`,
      description:
        'CloudEvents 1.0, structured JSON. The key is the account id: events of one account keep their order.',
      parameters: { region: { description: 'Region id; a consumer refuses events of any other region' } },
      messages: Object.fromEntries(events.map((e) => [e.type, { $ref: `#/components/messages/${e.type}` }])),
    },
  },
  operations: {
    publish: {
      action: 'send',
      channel: { $ref: '#/channels/events' },
      messages: events.map((e) => ({ $ref: `#/channels/events/messages/${e.type}` })),
    },
  },
  components: { messages: Object.fromEntries(events.map((e) => [e.type, messageOf(e)])) },
});
