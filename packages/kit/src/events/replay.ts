// Carries out replays: the head of each account's parking queue, one event per transaction, one worker per group at a time.
import { envelope } from '@meridian/contracts/event.ts';
import { sql } from 'kysely';
import type { KitSchema } from '../db/schema.ts';
import { errorMessage } from '../error-code.ts';
import type { Logger } from '../telemetry/log.ts';
import { scrub } from '../telemetry/redaction.ts';
import { type ApplyDeps, react } from './apply-event.ts';
import { isTransient } from './classify.ts';

type Head = { id: bigint; payload: string; account_id: string };

// The first open event of an account decides: while it is parked, nothing behind it moves. Held ones are not in the queue yet.
const nextHead = (consumer: string) => sql<Head>`
  select id, payload, account_id from parked_event p
  where consumer = ${consumer} and state = 'replaying' and not exists (
    select 1 from parked_event earlier
    where earlier.consumer = p.consumer and earlier.account_id = p.account_id and earlier.state in ('parked', 'replaying')
      and earlier.position < p.position)
  order by position limit 1 for update`;

/** Applies one event; false when there is none, or another member is at work. A failure parks it again. Throws transient errors. */
const replayOne = async <S extends KitSchema>(
  { db, consumer, reactions, hit }: ApplyDeps<S>,
  log: Logger,
): Promise<boolean> => {
  let head: Head | undefined;
  try {
    await db.transaction(async (tx) => {
      head = undefined;
      const lock = await sql<{
        held: boolean;
      }>`select pg_try_advisory_xact_lock(hashtextextended(${consumer}, 3)) as held`.execute(tx);
      if (!lock.rows[0]?.held) return;
      head = (await nextHead(consumer).execute(tx)).rows[0];
      if (!head) return;
      const erased = await sql`select 1 from account_tombstone where account_id = ${head.account_id}`.execute(tx);
      const outcome = await react(tx, reactions, envelope.parse(JSON.parse(head.payload)), erased.rows.length > 0);
      await sql`update parked_event set state = 'applied', attempts = attempts + 1, error = ${outcome}, decided_at = now() where id = ${head.id}`.execute(
        tx,
      );
      await hit('after-effect-before-commit');
    });
  } catch (err) {
    if (head === undefined || isTransient(err)) throw err;
    const { id } = head;
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

/** Replays until nothing is left to replay or `signal` aborts. */
export const replayAll = async <S extends KitSchema>(
  deps: ApplyDeps<S>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> => {
  while (!signal.aborted && (await replayOne(deps, log)));
};
