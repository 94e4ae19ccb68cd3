// Crossings of the balance. Usage is not an event: settle is a call.
import { z } from 'zod';
import { currency, idOf, nanoAmount } from '../common.ts';
import { event } from '../event.ts';

const balance = nanoAmount.describe('Available and held, after the crossing');

export const balanceExhausted = event({
  type: 'balance-exhausted.v1',
  publishers: ['billing'],
  description:
    'The whole balance (available and held) went from above zero to zero or below. Reserving for a call is no crossing.',
  data: z.object({ balance, currency }),
});

export const balanceRestored = event({
  type: 'balance-restored.v1',
  publishers: ['billing'],
  description: 'The whole balance (available and held) went from zero or below to above zero.',
  data: z.object({ balance, currency }),
});

export const rechargeCredited = event({
  type: 'recharge-credited.v1',
  publishers: ['billing'],
  description: 'A recharge order was paid and credited, once.',
  data: z.object({ orderId: idOf('ord'), amount: nanoAmount, currency }),
});

/** Freezes are named, so that lifting one never lifts another. */
const freeze = z.object({ freezeId: idOf('frz') });

export const accountFrozen = event({
  type: 'account-frozen.v1',
  publishers: ['billing'],
  description: 'No calls and no recharge until this freeze is lifted, e.g. while a refund is reviewed.',
  data: freeze,
});

export const accountUnfrozen = event({
  type: 'account-unfrozen.v1',
  publishers: ['billing'],
  description: 'That freeze is over; another one of the account stays in force.',
  data: freeze,
});

export const events = [balanceExhausted, balanceRestored, rechargeCredited, accountFrozen, accountUnfrozen] as const;
