// What use cases of this service get besides their transaction.
import type { EventDefinition } from '@meridian/contracts/event.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { EventMessage } from '@meridian/kit/events/publish.ts';
import type { Schema } from './db/schema.ts';

export type Deps = {
  readonly region: string;
  readonly now: () => Date;
  readonly publish: <E extends EventDefinition>(tx: Tx<Schema>, event: E, message: EventMessage<E>) => Promise<string>;
};
