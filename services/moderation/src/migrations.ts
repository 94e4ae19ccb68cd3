import { moderation0001 } from './db/migrations/0001-moderation.ts';

/** Static index of the migrations of this service; kit's own run before them. */
export const migrations = { '0001-moderation': moderation0001 };
