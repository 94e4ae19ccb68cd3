// What `data` of an event may hold: exactly the declared members when it is published; more when it is received, as additions within a major
// version are.
import type { EventDefinition } from '@meridian/contracts/event.ts';
import type { z } from 'zod';

type Schemas = { readonly published: z.ZodObject; readonly received: z.ZodObject };

const known = new WeakMap<EventDefinition, Schemas>();

/** Made once per type: zod compiles every new schema, which takes longer than parsing an event. */
export const payloadSchemas = (definition: EventDefinition): Schemas => {
  const made = known.get(definition) ?? { published: definition.data.strict(), received: definition.data.loose() };
  known.set(definition, made);
  return made;
};
