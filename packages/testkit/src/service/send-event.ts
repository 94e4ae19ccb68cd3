// Events sent to the service under test in another service's name.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { type Envelope, type EventDefinition, topicOf } from '@meridian/contracts/event.ts';
import type { EventBus } from '@meridian/kit/events/event-bus.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { z } from 'zod';

/** Numbers the events of each sender and account as their outbox would. The sender answers the event's id. */
export const createEventSender = ({ bus, region, now }: { bus: EventBus; region: string; now: () => Date }) => {
  const sequences = new Map<string, number>();
  return async <E extends EventDefinition>(
    from: ServiceName,
    event: E,
    accountId: string,
    data: z.input<E['data']>,
  ): Promise<string> => {
    const key = `${from} ${accountId}`;
    const seq = (sequences.get(key) ?? 0) + 1;
    sequences.set(key, seq);
    const time = now();
    const content: Envelope = {
      specversion: '1.0',
      id: newId('evt', region, time),
      source: `${region}/${from}`,
      type: event.type,
      subject: accountId,
      time: time.toISOString(),
      datacontenttype: 'application/json',
      region,
      partitionkey: accountId,
      accountseq: seq,
      data: data as Envelope['data'],
    };
    const record = { topic: topicOf(region, from), key: accountId, eventId: content.id };
    await bus.publish([{ ...record, payload: JSON.stringify(content) }]);
    return content.id;
  };
};
