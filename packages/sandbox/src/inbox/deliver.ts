import type { DeliveryFaults } from '../control/faults.ts';
import type { Inbox } from './inbox.ts';

type Message = Parameters<Inbox['add']>[0];

/** Puts messages into the inbox as the part's faults say: at once or late, once or several times, each copy a message of its own. */
export const deliver = (inbox: Inbox, { duplicate = 1, delayMs = 0 }: DeliveryFaults, messages: readonly Message[]) => {
  const arrive = () => {
    for (const message of messages) for (let copy = 0; copy < duplicate; copy += 1) inbox.add(message);
  };
  if (delayMs === 0) arrive();
  // A sandbox that stops need not wait for it: the inbox is gone by then.
  else setTimeout(arrive, delayMs).unref();
};
