// Decisions about recharge orders. created -> paying -> paid | closed; a payment is taken in every state but paid.

/** Waiting times of the questions to a channel about an order whose end is not known. */
const scheduleSeconds = [5, 30, 120, 600, 3600];

/** When to ask next, after `asked` questions. Never later than just after the order's expiry, when it has to be closed. */
export const nextQueryAt = (asked: number, now: Date, expiresAt: Date): Date => {
  const seconds = scheduleSeconds[Math.min(asked, scheduleSeconds.length - 1)] ?? 3600;
  const scheduled = new Date(now.getTime() + seconds * 1000);
  return now < expiresAt && scheduled > expiresAt ? new Date(expiresAt.getTime() + 1000) : scheduled;
};

type Limits = { readonly minimum: bigint; readonly maximum: bigint; readonly step: bigint };

/** What is wrong with an amount, for a person; undefined when nothing is. */
export const flawOfAmount = (amount: bigint, { minimum, maximum, step }: Limits): string | undefined => {
  if (amount < minimum) return `The smallest recharge is ${minimum} nano-units`;
  if (amount > maximum) return `The largest recharge is ${maximum} nano-units`;
  if (amount % step !== 0n) return `The amount must be a multiple of ${step} nano-units`;
  return undefined;
};

/** Our number at a channel: 27 characters, which every channel takes; unguessable enough not to be met by chance. */
export const orderNoOf = (ulid: string): string => `O${ulid}`;

type Stated = { readonly amount: bigint; readonly currency: string };

/** In what a stated payment differs from the order it names; undefined when it fits. */
export const mismatchOf = (order: Stated, stated: Stated): 'amount' | 'currency' | undefined => {
  if (order.currency !== stated.currency) return 'currency';
  return order.amount === stated.amount ? undefined : 'amount';
};
