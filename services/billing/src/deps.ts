// What the use cases are given.
import type { EventDefinition } from '@meridian/contracts/event.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { EventMessage } from '@meridian/kit/events/publish.ts';
import type { Now } from '@meridian/kit/ids.ts';
import type { BillingSchema } from './db/schema.ts';
import type { BillingMetrics } from './metrics.ts';

export type BillingTx = Tx<BillingSchema>;

/** A transaction, or the database outside of one. */
export type Reader = Pick<BillingTx, 'selectFrom' | 'getExecutor'>;

export type BillingDeps = {
  readonly region: string;
  /** ISO 4217 code of the region's one currency. */
  readonly currency: string;
  readonly now: Now;
  readonly publish: <E extends EventDefinition>(tx: BillingTx, event: E, message: EventMessage<E>) => Promise<string>;
  readonly metrics: BillingMetrics;
};
