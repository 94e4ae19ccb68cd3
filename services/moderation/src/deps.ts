import type { KeyRing } from '@meridian/kit/crypto/key-ring.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from './db/schema.ts';

/** What the use cases of moderation need. */
export type ModerationDeps = {
  readonly region: string;
  readonly now: () => Date;
  readonly publish: Platform<Schema>['publish'];
  readonly caseKeys: KeyRing;
  /** Where a person appeals. */
  readonly appealUrl: string;
};
