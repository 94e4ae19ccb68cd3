// Every event of the platform, for documents and tests.
import { events as billing } from './billing.ts';
import { events as keys } from './keys.ts';
import { events as lifecycle } from './lifecycle.ts';
import { events as moderation } from './moderation.ts';
import { events as verification } from './verification.ts';

export const allEvents = [...lifecycle, ...verification, ...billing, ...keys, ...moderation] as const;
