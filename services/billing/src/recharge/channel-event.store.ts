import type { Kysely } from 'kysely';
import type { BillingSchema } from '../db/schema.ts';
import type { BillingTx } from '../deps.ts';

export type Outcome = BillingSchema['channel_event']['outcome'];

export type NewChannelEvent = {
  readonly channel: string;
  readonly eventId: string;
  readonly kind: string;
  readonly orderNo: string | undefined;
  readonly body: Buffer;
  /** Of a message that is about no order of ours: nothing else would ever erase its body. */
  readonly keepBodyUntil: Date | undefined;
  readonly at: Date;
};

/**
 * Writes the message into the inbox, or counts its repetition. Answers the outcome of its first handling: undefined when it is to be
 * handled now, which includes one that was refused before. A twin in flight is waited for.
 */
export const receiveChannelEvent = async (tx: BillingTx, event: NewChannelEvent): Promise<Outcome | undefined> => {
  const { outcome, times } = await tx
    .insertInto('channel_event')
    .values({
      channel: event.channel,
      event_id: event.eventId,
      kind: event.kind,
      order_no: event.orderNo ?? null,
      outcome: 'noted',
      reason: null,
      body: event.body,
      keep_body_until: event.keepBodyUntil ?? null,
      received_at: event.at,
      last_received_at: event.at,
    })
    .onConflict((c) =>
      c
        .columns(['channel', 'event_id'])
        .doUpdateSet((eb) => ({ times: eb('channel_event.times', '+', 1), last_received_at: event.at })),
    )
    .returning(['outcome', 'times'])
    .executeTakeFirstOrThrow();
  return times === 1 || outcome === 'refused' ? undefined : outcome;
};

export const saveOutcome = async (
  tx: BillingTx,
  { channel, eventId, outcome, reason }: { channel: string; eventId: string; outcome: Outcome; reason: string | null },
): Promise<void> => {
  await tx
    .updateTable('channel_event')
    .set({ outcome, reason })
    .where('channel', '=', channel)
    .where('event_id', '=', eventId)
    .execute();
};

/** Drops the bodies of messages about no order whose time is over; the fact that they came stays. Answers how many. */
export const dropOldBodies = async (
  db: BillingTx | Kysely<BillingSchema>,
  at: Date,
  limit: number,
): Promise<number> => {
  const { numUpdatedRows } = await db
    .updateTable('channel_event')
    .set({ body: Buffer.alloc(0), keep_body_until: null })
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('channel', 'event_id'),
        'in',
        selectFrom('channel_event')
          .select(['channel', 'event_id'])
          .where('keep_body_until', '<=', at)
          .limit(limit)
          .$asTuple('channel', 'event_id'),
      ),
    )
    .executeTakeFirst();
  return Number(numUpdatedRows);
};
