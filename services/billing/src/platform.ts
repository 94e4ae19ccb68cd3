import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Region } from '@meridian/regions/region.ts';
import type { BillingSchema } from './db/schema.ts';
import type { BillingDeps } from './deps.ts';

/** What routes and jobs are given: the parts of the service, made once by the composition root. */
export type Billing = {
  readonly platform: Platform<BillingSchema>;
  readonly region: Region;
  readonly deps: BillingDeps;
};
