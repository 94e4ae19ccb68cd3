// The write side of the outbox: the event is a row of the transaction that makes it true.

import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { type Envelope, type EventDefinition, envelope } from '@meridian/contracts/event.ts';
import { sql } from 'kysely';
import type { z } from 'zod';
import type { Tx } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';
import { type Now, newId, regionOfId } from '../ids.ts';
import { EventError } from './event-error.ts';
import { payloadSchemas } from './payload-schema.ts';
import { refusePersonalValues } from './personal-values.ts';

export type PublishDeps = { service: ServiceName; region: string; now: Now };

export type EventMessage<E extends EventDefinition> = {
  accountId: string;
  data: z.input<E['data']>;
  /** Id of the event or request that caused this one. */
  causationId?: string;
};

/** Largest payload in bytes. */
const maxBytes = 65_536;

const checked = <E extends EventDefinition>(
  deps: PublishDeps,
  event: E,
  message: EventMessage<E>,
): Record<string, unknown> => {
  if (regionOfId(message.accountId) !== deps.region)
    throw new EventError('event_foreign_region', `${event.type}: the account is not of region ${deps.region}`);
  if (!event.publishers.includes(deps.service))
    throw new EventError('event_unknown_publisher', `${event.type} is not declared to be published by ${deps.service}`);
  const parsed = payloadSchemas(event).published.safeParse(message.data);
  if (!parsed.success) {
    const places = parsed.error.issues.map((issue) => `/data/${issue.path.join('/')} (${issue.code})`);
    throw new EventError('event_contract', `${event.type}: invalid ${places.join(', ')}`);
  }
  refusePersonalValues(event.type, parsed.data);
  return parsed.data;
};

/**
 * Publishes `event` with the running transaction and returns its id. The row of `account_sequence` is locked before the outbox row gets its
 * id, so for one account id order, commit order and `accountseq` agree. Throws EventError when the event does not keep its contract.
 */
export const publish = async <S extends KitSchema, E extends EventDefinition>(
  tx: Tx<S>,
  deps: PublishDeps,
  event: E,
  message: EventMessage<E>,
): Promise<string> => {
  const data = checked(deps, event, message);
  const time = deps.now();
  const { rows } = await sql<{ seq: bigint }>`/* statement: next-account-sequence */
    insert into account_sequence (account_id, seq) values (${message.accountId}, 1)
    on conflict (account_id) do update set seq = account_sequence.seq + 1 returning seq`.execute(tx);
  const content: Envelope = envelope.parse({
    specversion: '1.0',
    id: newId('evt', deps.region, time),
    source: `${deps.region}/${deps.service}`,
    type: event.type,
    subject: message.accountId,
    time: time.toISOString(),
    datacontenttype: 'application/json',
    region: deps.region,
    partitionkey: message.accountId,
    accountseq: Number(rows[0]?.seq),
    causationid: message.causationId,
    data,
  });
  const payload = JSON.stringify(content);
  if (Buffer.byteLength(payload) > maxBytes)
    throw new EventError('event_too_large', `${event.type}: ${Buffer.byteLength(payload)} bytes; at most ${maxBytes}`);
  await sql`/* statement: insert-outbox */ insert into outbox (event_id, account_id, type, payload)
    values (${content.id}, ${content.subject}, ${content.type}, ${payload})`.execute(tx);
  return content.id;
};
