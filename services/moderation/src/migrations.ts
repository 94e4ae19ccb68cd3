import { moderation0001 } from './db/migrations/0001-moderation.ts';
import { moderation0002 } from './db/migrations/0002-case-readings.ts';

/** Static index of the migrations of this service; kit's own run before them. */
export const migrations = {
  '0001-moderation': moderation0001,
  '0002-case-readings': moderation0002,
};
