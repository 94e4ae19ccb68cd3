// A service's reaction to one event type: a use case called in the transaction that also marks the event as received.
import type { EventDefinition } from '@meridian/contracts/event.ts';
import type { z } from 'zod';
import type { Tx } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';

export type ReceivedEvent<E extends EventDefinition> = {
  id: string;
  accountId: string;
  data: z.output<E['data']>;
  /** Counts by 1 per publishing service and account. */
  seq: number;
  time: Date;
  /** Publishing service, e.g. "identity". */
  service: string;
};

export type ReactionOptions = {
  /**
   * Part of an account's cancellation: it also reaches erased accounts (others are dropped there), and it does not wait behind parked events.
   * It must be idempotent.
   */
  lifecycle?: true;
};

/** A reaction with its event's type forgotten, as a consumer keeps it. */
export type Reaction<S extends KitSchema> = ReactionOptions & {
  readonly event: EventDefinition;
  readonly react: (tx: Tx<S>, message: ReceivedEvent<EventDefinition>) => Promise<void>;
};

/** Declares a reaction; `message.data` is typed and validated by the event's schema, unknown members are kept. */
export const reaction = <S extends KitSchema, E extends EventDefinition>(
  event: E,
  react: (tx: Tx<S>, message: ReceivedEvent<E>) => Promise<void>,
  options: ReactionOptions = {},
): Reaction<S> => ({
  ...options,
  event,
  // The consumer parses `data` with this event's own schema before it calls.
  react: (tx, message) => react(tx, message as ReceivedEvent<E>),
});
