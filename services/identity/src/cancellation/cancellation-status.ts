// A saga as the API shows it.
import type { cancellationStatus } from '@meridian/contracts/identity.ts';
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import type { IdentitySchema } from '../db/schema.ts';
import { findByReceipt, stepsOf } from './cancellation.store.ts';
import { hashReceiptToken, openAccount } from './receipt.ts';

export type CancellationStatus = z.output<typeof cancellationStatus>;

/** The saga that the token is the receipt of; undefined when it is of none. */
export const readCancellation = async (
  db: Kysely<IdentitySchema>,
  receiptToken: string,
): Promise<CancellationStatus | undefined> => {
  const saga = await findByReceipt(db, hashReceiptToken(receiptToken));
  if (saga === undefined) return undefined;
  const steps = await stepsOf(db, saga.saga_id);
  return {
    sagaId: saga.saga_id,
    accountId: openAccount(receiptToken, saga.saga_id, saga.sealed_account),
    status: saga.status,
    requestedAt: saga.requested_at.toISOString(),
    cancelledAt: saga.cancelled_at?.toISOString() ?? null,
    erasedAt: saga.erased_at?.toISOString() ?? null,
    steps: steps.map(({ service, fencedAt, erased, retained }) => ({
      service,
      fenced: fencedAt !== null,
      erased,
      retained: [...retained],
    })),
  };
};
