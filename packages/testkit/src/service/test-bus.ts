// The event bus as seen by the test of one service: what the service published, and events sent to it in another service's name.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { type Envelope, type EventDefinition, envelope, topicOf } from '@meridian/contracts/event.ts';
import { createPostgresBus, migratePostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { newId } from '@meridian/kit/ids.ts';
import { pino } from 'pino';
import { waitFor } from '../wait-for.ts';

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
  const sequences = new Map<string, number>();

  return {
    /** Every event of the service so far, in the order of arrival. */
    published,
    /** Events of one type, of one account where given. */
    of: (event: EventDefinition, accountId?: string) =>
      published.filter(({ type, subject }) => type === event.type && (accountId ?? subject) === subject),
    waitFor: (event: EventDefinition, accountId: string) =>
      waitFor(() => published.find(({ type, subject }) => type === event.type && subject === accountId)),
    /** Sends an event as `from` would; answers its id. */
    send: async (from: ServiceName, event: EventDefinition, accountId: string, data: Record<string, unknown>) => {
      const key = `${from} ${accountId}`;
      const seq = (sequences.get(key) ?? 0) + 1;
      sequences.set(key, seq);
      const content: Envelope = {
        specversion: '1.0',
        id: newId('evt', region, new Date()),
        source: `${region}/${from}`,
        type: event.type,
        subject: accountId,
        time: new Date().toISOString(),
        datacontenttype: 'application/json',
        region,
        partitionkey: accountId,
        accountseq: seq,
        data,
      };
      await bus.publish([
        { topic: topicOf(region, from), key: accountId, eventId: content.id, payload: JSON.stringify(content) },
      ]);
      return content.id;
    },
    stop: () => bus.close(2_000),
  };
};
export type TestBus = Awaited<ReturnType<typeof startTestBus>>;
