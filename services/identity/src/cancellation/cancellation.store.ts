// SQL of the cancellation saga.
import type { RetainedClass } from '@meridian/contracts/events/lifecycle.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import { fenceBackOffMs, type Participant, type Step } from './cancellation.ts';

type Transaction = Tx<IdentitySchema>;
type Reader = Kysely<IdentitySchema> | Transaction;

export const insertCancellation = async (
  tx: Transaction,
  saga: {
    sagaId: string;
    accountId: string;
    receiptHash: string;
    sealedAccount: Buffer;
    sealedReason: Buffer | null;
    requestedAt: Date;
    /** When the sweeper takes over what the request itself did not get done. */
    sweepAt: Date;
    participants: readonly Participant[];
  },
): Promise<void> => {
  await tx
    .insertInto('cancellation')
    .values({
      saga_id: saga.sagaId,
      account_id: saga.accountId,
      status: 'cancelling',
      receipt_hash: saga.receiptHash,
      sealed_account: saga.sealedAccount,
      sealed_reason: saga.sealedReason,
      requested_at: saga.requestedAt,
    })
    .execute();
  const steps = saga.participants.map((service) => ({
    saga_id: saga.sagaId,
    service,
    attempts: 1,
    next_attempt_at: saga.sweepAt,
  }));
  await tx.insertInto('cancellation_step').values(steps).execute();
};

/** The saga with its row locked: steps are recorded one after the other, so exactly one of them is the last. */
export const lockSaga = (tx: Transaction, sagaId: string) =>
  tx
    .selectFrom('cancellation')
    .select(['saga_id as sagaId', 'account_id as accountId', 'status'])
    .where('saga_id', '=', sagaId)
    .forUpdate()
    .executeTakeFirst();

export const findByReceipt = (db: Kysely<IdentitySchema>, receiptHash: string) =>
  db.selectFrom('cancellation').selectAll().where('receipt_hash', '=', receiptHash).executeTakeFirst();

export const stepsOf = (db: Reader, sagaId: string): Promise<Step[]> =>
  db
    .selectFrom('cancellation_step')
    .select(['service', 'fenced_at as fencedAt', 'erased_at as erasedAt', 'erased', 'retained'])
    .where('saga_id', '=', sagaId)
    .orderBy('service')
    .execute();

export const markFenced = async (tx: Transaction, sagaId: string, service: Participant, now: Date): Promise<void> => {
  await tx
    .updateTable('cancellation_step')
    .set({ fenced_at: now })
    .where('saga_id', '=', sagaId)
    .where('service', '=', service)
    .where('fenced_at', 'is', null)
    .execute();
};

export const markErased = async (
  tx: Transaction,
  sagaId: string,
  step: { service: Participant; erased: Record<string, number>; retained: readonly RetainedClass[]; now: Date },
): Promise<void> => {
  await tx
    .updateTable('cancellation_step')
    .set({ erased_at: step.now, erased: JSON.stringify(step.erased), retained: JSON.stringify(step.retained) })
    .where('saga_id', '=', sagaId)
    .where('service', '=', step.service)
    .where('erased_at', 'is', null)
    .execute();
};

export const setCancelled = async (tx: Transaction, sagaId: string, now: Date): Promise<void> => {
  await tx
    .updateTable('cancellation')
    .set({ status: 'cancelled', cancelled_at: now })
    .where('saga_id', '=', sagaId)
    .execute();
};

/** What is left of the saga is its receipt, under a pseudonym. */
export const setErased = async (tx: Transaction, sagaId: string, subject: string, now: Date): Promise<void> => {
  await tx
    .updateTable('cancellation')
    .set({ status: 'erased', erased_at: now, account_id: null, subject, sealed_reason: null })
    .where('saga_id', '=', sagaId)
    .execute();
};

export type DueFence = { readonly sagaId: string; readonly accountId: string; readonly service: Participant };

/** Takes up to 20 fences that are due and books their next attempt, so that replicas do not ask twice and a crash loses none. */
export const claimDueFences = async (tx: Transaction, now: Date): Promise<DueFence[]> => {
  const due = await tx
    .selectFrom('cancellation_step')
    .innerJoin('cancellation', 'cancellation.saga_id', 'cancellation_step.saga_id')
    .select(['cancellation.saga_id as sagaId', 'cancellation.account_id as accountId', 'service', 'attempts'])
    .where('cancellation.status', '=', 'cancelling')
    .where('fenced_at', 'is', null)
    .where('next_attempt_at', '<=', now)
    .orderBy('next_attempt_at')
    .limit(20)
    .forUpdate('cancellation_step')
    .skipLocked()
    .execute();
  for (const { sagaId, service, attempts } of due)
    await tx
      .updateTable('cancellation_step')
      .set({ attempts: attempts + 1, next_attempt_at: new Date(now.getTime() + fenceBackOffMs(attempts)) })
      .where('saga_id', '=', sagaId)
      .where('service', '=', service)
      .execute();
  return due.flatMap(({ sagaId, accountId, service }) => (accountId === null ? [] : [{ sagaId, accountId, service }]));
};

/** After a start nothing waits for its back-off. */
export const makeFencesDue = async (db: Kysely<IdentitySchema>, now: Date): Promise<void> => {
  await db
    .updateTable('cancellation_step')
    .set({ next_attempt_at: now })
    .where('fenced_at', 'is', null)
    .where('next_attempt_at', '>', now)
    .execute();
};

export const openSagas = async (
  db: Kysely<IdentitySchema>,
  now: Date,
  overdueMs: number,
): Promise<{ open: number; overdue: number }> => {
  const before = new Date(now.getTime() - overdueMs);
  const row = await db
    .selectFrom('cancellation')
    .select((e) => [
      e.fn.countAll<bigint>().as('open'),
      sql<bigint>`count(*) filter (where requested_at < ${before})`.as('overdue'),
    ])
    .where('status', '<>', 'erased')
    .executeTakeFirstOrThrow();
  return { open: Number(row.open), overdue: Number(row.overdue) };
};
