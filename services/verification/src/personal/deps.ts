import type { KeyRing } from '@meridian/kit/crypto/key-ring.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { RealNameRules } from '../config.ts';
import type { Schema } from '../db/schema.ts';

/** What the use cases of personal verification need. */
export type VerificationDeps = {
  readonly region: string;
  readonly now: () => Date;
  readonly publish: Platform<Schema>['publish'];
  readonly rules: RealNameRules;
  readonly dataKeys: KeyRing;
  readonly blindIndexKey: string;
};
