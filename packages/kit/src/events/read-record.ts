// From a delivered record to a checked event: tolerant of unknown members, strict about whose it is.
import { type Envelope, envelope } from '@meridian/contracts/event.ts';
import { regionOfId } from '../ids.ts';
import type { EventRecord } from './event-bus.ts';
import { EventError } from './event-error.ts';
import { publisherOf } from './topics.ts';

/** Parses the envelope; throws `event_contract` or `event_foreign_region`. */
export const readEnvelope = (record: EventRecord, region: string): Envelope => {
  let json: unknown;
  try {
    json = JSON.parse(record.payload);
  } catch (cause) {
    throw new EventError('event_contract', 'the payload is not JSON', { cause });
  }
  const parsed = envelope.safeParse(json);
  if (!parsed.success) {
    // A foreign event is refused as foreign even when it has other mistakes.
    if (regionOfId(record.key) !== undefined && regionOfId(record.key) !== region) throw foreign(record.key);
    throw new EventError(
      'event_contract',
      `invalid envelope: ${parsed.error.issues.map((i) => `/${i.path.join('/')} (${i.code})`).join(', ')}`,
    );
  }
  const event = parsed.data;
  const regions = [event.region, event.source.split('/')[0], regionOfId(event.subject), regionOfId(event.id)];
  if (regions.some((named) => named !== region)) throw foreign(event.id);
  if (event.subject !== record.key || event.partitionkey !== record.key || event.id !== record.eventId)
    throw new EventError('event_contract', 'key or id of the record and of its envelope differ');
  // A service may write its own topic alone, and what stands there speaks for nobody else.
  const publisher = publisherOf(region, record.topic);
  if (publisher !== undefined && event.source !== `${region}/${publisher}`)
    throw new EventError('event_contract', `the topic of ${publisher} holds an event of "${event.source}"`);
  return event;
};

const foreign = (id: string) =>
  new EventError('event_foreign_region', `event or account ${id} belongs to another region`);
