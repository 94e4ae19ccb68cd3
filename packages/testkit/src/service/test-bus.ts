// The event bus as seen by the test of one service: what the service published, and events sent to it in another service's name.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { type Envelope, type EventDefinition, envelope, topicOf } from '@meridian/contracts/event.ts';
import { createPostgresBus, migratePostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { pino } from 'pino';
import { waitFor } from '../wait-for.ts';
import { createEventSender } from './send-event.ts';

/** Follows the topic of `service` from its beginning. */
export const startTestBus = async ({ url, region, service }: { url: string; region: string; service: ServiceName }) => {
  const log = pino({ level: 'silent' });
  await migratePostgresBus({ url, log });
  const bus = createPostgresBus({ url, log, now: () => new Date(), poolSize: 2, pollMs: 20 });
  const published: Envelope[] = [];
  await bus.subscribe({
    group: 'test',
    topics: [topicOf(region, service)],
    handler: async ({ payload }) => {
      published.push(envelope.parse(JSON.parse(payload)));
    },
  });
  return {
    /** Every event of the service so far, in the order of arrival. */
    published,
    /** Events of one type, of one account where given. */
    of: (event: EventDefinition, accountId?: string) =>
      published.filter(({ type, subject }) => type === event.type && (accountId ?? subject) === subject),
    waitFor: (event: EventDefinition, accountId: string) =>
      waitFor(() => published.find(({ type, subject }) => type === event.type && subject === accountId)),
    /** Sends an event as another service would; answers its id. */
    send: createEventSender({ bus, region, now: () => new Date() }),
    stop: () => bus.close(2_000),
  };
};
export type TestBus = Awaited<ReturnType<typeof startTestBus>>;
