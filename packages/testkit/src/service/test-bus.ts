// The event bus as seen by the test of one service: what the service published, and events sent to it in another service's name.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { type Envelope, type EventDefinition, envelope, topicOf } from '@meridian/contracts/event.ts';
import { waitFor } from '../wait-for.ts';
import { createEventSender } from './send-event.ts';
import { openTestEvents } from './test-events.ts';

/** Follows the topic of `service` from its beginning. */
export const startTestBus = async ({
  region,
  service,
  now = () => new Date(),
}: {
  region: string;
  service: ServiceName;
  now?: () => Date;
}) => {
  const events = await openTestEvents({ region, now });
  const published: Envelope[] = [];
  await events.bus.subscribe({
    group: 'test',
    topics: [topicOf(region, service)],
    handler: async ({ payload }) => {
      published.push(envelope.parse(JSON.parse(payload)));
    },
  });
  return {
    /** EVENT_BUS_URL of the service, and what it is started with besides. */
    url: events.url,
    overrides: events.overrides,
    /** Every event of the service so far, in the order of arrival. */
    published,
    /** Events of one type, of one account where given. */
    of: (event: EventDefinition, accountId?: string) =>
      published.filter(({ type, subject }) => type === event.type && (accountId ?? subject) === subject),
    waitFor: (event: EventDefinition, accountId: string) =>
      waitFor(() => published.find(({ type, subject }) => type === event.type && subject === accountId)),
    /** Sends an event as another service would; answers its id. */
    send: createEventSender({ bus: events.bus, region, now }),
    stop: () => events.close(),
  };
};
export type TestBus = Awaited<ReturnType<typeof startTestBus>>;
