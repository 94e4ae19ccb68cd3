// Crossings of the balance. Usage is not an event: settle is a call.
import { z } from 'zod';
import { currency, idOf, nanoAmount } from '../common.ts';
import { event } from '../event.ts';

export const balanceExhausted = event({
  type: 'balance-exhausted.v1',
  publishers: ['billing'],
  description: 'The available balance went from above zero to zero or below.',
  data: z.object({ balance: nanoAmount, currency }),
});

export const balanceRestored = event({
  type: 'balance-restored.v1',
  publishers: ['billing'],
  description: 'The available balance went from zero or below to above zero.',
  data: z.object({ balance: nanoAmount, currency }),
});

export const rechargeCredited = event({
  type: 'recharge-credited.v1',
  publishers: ['billing'],
  description: 'A recharge order was paid and credited, once.',
  data: z.object({ orderId: idOf('ord'), amount: nanoAmount, currency }),
});

export const events = [balanceExhausted, balanceRestored, rechargeCredited] as const;
