// Carries out replays: the head of each account's parking queue, one event per transaction, one worker per group at a time.
import { envelope } from '@meridian/contracts/event.ts';
import { sql } from 'kysely';
import { holdUnerased } from '../account/tombstone.ts';
import type { KitSchema } from '../db/schema.ts';
import { errorMessage } from '../error-code.ts';
import type { Logger } from '../telemetry/log.ts';
import { scrub } from '../telemetry/redaction.ts';
import { isTransient } from '../transient.ts';
import { type ApplyDeps, isLifecycle, react } from './apply-event.ts';

type Head = { id: bigint; payload: string; account_id: string };

// The first open event of an account decides: while it is parked, nothing behind it moves. Held ones are not in the queue yet, and one of a type that
// this version does not know stands in nobody's way.
const nextHead = (consumer: string, known: ReadonlySet<string>, leftOut: ReadonlySet<string>) => sql<Head>`
  select id, payload, account_id from parked_event p
  where consumer = ${consumer} and state = 'replaying' and account_id <> all(${[...leftOut]}) and not exists (
    select 1 from parked_event earlier
    where earlier.consumer = p.consumer and earlier.account_id = p.account_id and earlier.state in ('parked', 'unknown', 'replaying')
      and (earlier.state <> 'unknown' or earlier.type = any(${[...known]})) and earlier.position < p.position)
  order by position limit 1 for update`;

/**
 * Applies one event; false when there is none, or another member is at work. A failure parks it again; for a transient one its account is left out,
 * so that others do not wait for it.
 */
const replayOne = async <S extends KitSchema>(
  { db, consumer, reactions, known, hit }: ApplyDeps<S>,
  log: Logger,
  leftOut: Set<string>,
): Promise<boolean> => {
  let head: Head | undefined;
  try {
    await db.transaction(async (tx) => {
      head = undefined;
      const lock = await sql<{
        held: boolean;
      }>`select pg_try_advisory_xact_lock(hashtextextended(${consumer}, 3)) as held`.execute(tx);
      if (!lock.rows[0]?.held) return;
      head = (await nextHead(consumer, known, leftOut).execute(tx)).rows[0];
      if (!head) return;
      const event = envelope.parse(JSON.parse(head.payload));
      if (!known.has(event.type)) {
        await sql`update parked_event set state = 'unknown' where id = ${head.id}`.execute(tx);
        return;
      }
      const erased = !isLifecycle(reactions, event.type) && !(await holdUnerased(tx, head.account_id));
      const outcome = await react(tx, reactions, event, erased);
      await sql`update parked_event set state = 'applied', attempts = attempts + 1, error = ${outcome}, decided_at = now() where id = ${head.id}`.execute(
        tx,
      );
      await hit('after-effect-before-commit');
    });
  } catch (err) {
    if (head === undefined) throw err;
    const { id, account_id } = head;
    if (isTransient(err)) {
      log.warn({ err, consumer, parked: String(id) }, 'replay of a parked event will be repeated');
      leftOut.add(account_id);
      return true;
    }
    const text = scrub(errorMessage(err)).slice(0, 2_000);
    log.error({ err, consumer, parked: String(id) }, 'replay of a parked event failed; it stays parked');
    await db.transaction((tx) =>
      sql`update parked_event set state = 'parked', attempts = attempts + 1, error = ${text} where id = ${id} and state = 'replaying'`.execute(
        tx,
      ),
    );
  }
  return head !== undefined;
};

/** Replays until nothing is left to replay or `signal` aborts; what fails for a transient cause is tried once. */
export const replayAll = async <S extends KitSchema>(
  deps: ApplyDeps<S>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> => {
  const leftOut = new Set<string>();
  while (!signal.aborted && (await replayOne(deps, log, leftOut)));
};
