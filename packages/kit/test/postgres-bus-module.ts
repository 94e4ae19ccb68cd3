// How the contract suite, and its children, make a Postgres bus.
import { createPostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { log, now } from '@meridian/testkit/event-bus/parts.ts';
import { z } from 'zod';

const schema = z.object({ url: z.string(), leaseMs: z.number() });

export const createBus = (config: unknown) => createPostgresBus({ ...schema.parse(config), log, now });
