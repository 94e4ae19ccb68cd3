// One event in one transaction: inbox mark, sequence, effect. Shared by the consumer and the replay of parked events.
import type { Envelope, EventDefinition } from '@meridian/contracts/event.ts';
import type { Database, Tx } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';
import type { Hit } from '../failpoints.ts';
import { EventError } from './event-error.ts';
import { receive } from './inbox.ts';
import { isBehindUnknown, park, releaseHeld } from './parking.ts';
import { payloadSchemas } from './payload-schema.ts';
import type { Reaction, ReceivedEvent } from './reaction.ts';

/** What became of an event; also the label of the metric. */
export type Outcome =
  | 'applied'
  | 'duplicate'
  | 'late'
  | 'ignored'
  | 'unknown'
  | 'erased'
  | 'held'
  | 'behind'
  | 'parked';

export type Reactions<S extends KitSchema> = ReadonlyMap<string, Reaction<S>>;

/** Reactions by type; two for one type would be two effects, so that is refused. */
export const indexReactions = <S extends KitSchema>(reactions: readonly Reaction<S>[]): Reactions<S> => {
  const index = new Map<string, Reaction<S>>();
  for (const each of reactions) {
    if (index.has(each.event.type)) throw new Error(`two reactions to ${each.event.type}; make one use case of them`);
    index.set(each.event.type, each);
  }
  return index;
};

/** Validates `data` by the type's schema, keeping unknown members (additions within a major version). */
const received = (event: Envelope, definition: EventDefinition): ReceivedEvent<EventDefinition> => {
  const data = payloadSchemas(definition).received.safeParse(event.data);
  if (!data.success) {
    const places = data.error.issues.map((issue) => `/data/${issue.path.join('/')} (${issue.code})`);
    throw new EventError('event_contract', `${event.type}: invalid ${places.join(', ')}`);
  }
  return {
    id: event.id,
    accountId: event.subject,
    data: data.data,
    seq: event.accountseq,
    time: new Date(event.time),
    service: event.source.split('/')[1] ?? '',
  };
};

/** Part of the account's own erasure: it takes the fence's lock itself, and runs after the tombstone too. */
export const isLifecycle = <S extends KitSchema>(reactions: Reactions<S>, type: string): boolean =>
  reactions.get(type)?.lifecycle ?? false;

/**
 * Runs the reaction to `event`, if there is one and its account is not erased, which must be known under the lock of `holdUnerased`: nothing is written of
 * an account after its tombstone.
 */
export const react = async <S extends KitSchema>(
  tx: Tx<S>,
  reactions: Reactions<S>,
  event: Envelope,
  erased: boolean,
): Promise<'applied' | 'ignored' | 'erased'> => {
  const found = reactions.get(event.type);
  if (!found) return 'ignored';
  if (erased && !found.lifecycle) return 'erased';
  await found.react(tx, received(event, found.event));
  return 'applied';
};

export type ApplyDeps<S extends KitSchema> = {
  db: Database<S>;
  consumer: string;
  reactions: Reactions<S>;
  /** Types that this version knows. What it does not know waits for one that does; a known type without a reaction is ignored. */
  known: ReadonlySet<string>;
  hit: Hit;
};

/** Applies a delivered event, or puts it where it has to wait. Throws what the reaction throws; then nothing happened. */
export const applyEvent = <S extends KitSchema>(
  { db, consumer, reactions, known, hit }: ApplyDeps<S>,
  event: Envelope,
  payload: string,
): Promise<{ outcome: Outcome; released: number }> =>
  db.transaction(async (tx) => {
    const about = {
      consumer,
      eventId: event.id,
      accountId: event.subject,
      source: event.source,
      seq: event.accountseq,
    };
    const lifecycle = isLifecycle(reactions, event.type);
    const { kind, behind, held, erased } = await receive(tx, { ...about, holdUnerased: !lifecycle });
    await hit('after-inbox-insert');
    if (kind === 'duplicate' || kind === 'late') return { outcome: kind, released: 0 };
    const parking = { ...about, type: event.type, payload, attempts: 0 };
    if (kind === 'gap' && !erased) {
      await park(tx, {
        ...parking,
        state: 'held',
        error: `an event of this account before number ${event.accountseq} is missing`,
      });
      return { outcome: 'held', released: 0 };
    }
    let outcome: Outcome = 'behind';
    if (!known.has(event.type)) {
      await park(tx, { ...parking, state: 'unknown', error: 'this version does not know the type' });
      outcome = 'unknown';
    } else {
      let waits = lifecycle || erased ? undefined : behind;
      if (waits === 'unknown') waits = (await isBehindUnknown(tx, { ...about, known })) ? 'replaying' : undefined;
      if (waits) await park(tx, { ...parking, state: waits, error: 'behind a parked event of this account' });
      else outcome = await react(tx, reactions, event, erased);
    }
    const released = kind === 'apply' && held ? await releaseHeld(tx, about, event.accountseq) : 0;
    await hit('after-effect-before-commit');
    return { outcome, released };
  });

/** Parks an event whose reaction failed for good. `seq` is undefined when the envelope could not be read. */
export const parkFailed = <S extends KitSchema>(
  { db, consumer }: Pick<ApplyDeps<S>, 'db' | 'consumer'>,
  failed: {
    eventId: string;
    accountId: string;
    source: string;
    type: string;
    seq: number | undefined;
    payload: string;
    error: string;
    attempts: number;
  },
): Promise<'parked' | 'duplicate' | 'late'> =>
  db.transaction(async (tx) => {
    const about = { ...failed, consumer };
    const { kind } = await receive(tx, { ...about, holdUnerased: false });
    if (kind === 'duplicate' || kind === 'late') return kind;
    await park(tx, { ...about, state: kind === 'gap' ? 'held' : 'parked' });
    if (failed.seq !== undefined && kind === 'apply') await releaseHeld(tx, about, failed.seq);
    return 'parked';
  });
