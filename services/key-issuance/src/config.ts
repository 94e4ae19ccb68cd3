// The only reader of the environment in this service.

import { parseConfig } from '@meridian/kit/config/config.ts';
import { createMistakes } from '@meridian/kit/config/mistakes.ts';
import { integer, json, list, secret } from '@meridian/kit/config/values.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { platformVariables, serviceUrl } from '@meridian/kit/run/platform-variables.ts';
import { parseService } from '@meridian/kit/run/service-config.ts';
import { accountModelLimits, type Profile } from '@meridian/regions/profile.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';
import type { Peppers } from './keys/key-format.ts';
import type { AccountModelLimits } from './rates/rate.ts';

const peppers = z
  .record(z.string().regex(/^[1-9][0-9]{0,2}$/), secret)
  .refine((all) => Object.keys(all).length > 0, { message: 'must hold at least one pepper' });

const certificateName = z.string().regex(/^gateway(\.[a-z0-9-]{1,60})?$/, 'must be "gateway" or "gateway.<name>"');

const variables = z.object({
  ...platformVariables,
  /** Connections to the database; reading keys, counting and the rest have at least one each. */
  DATABASE_POOL: integer(3, 100).default(8),
  /** Internal address of identity: asked before a key is created. */
  IDENTITY_URL: serviceUrl,
  /** JSON { "1": secret, ... }; all verify, one makes new keys. None can be removed while keys of it work: the service would not start. */
  KEY_PEPPERS: json(peppers),
  /** Version that makes new keys; default: the highest. A further one is first only verified with, on every replica. */
  KEY_PEPPER_CURRENT: integer(1, 999).optional(),
  /** Active keys an account may have. */
  MAX_KEYS_PER_ACCOUNT: integer(1, 1_000).default(50),
  /** Common names of the client certificates with which proxies may ask `authorize`: "gateway" or "gateway.<name>". */
  GATEWAY_CERTIFICATES: list(certificateName).default(['gateway']),
  /** JSON { default: { requestsPerMinute, tokensPerMinute, tokensPerDay }, models: { name: … } } instead of the profile's; null: no limit. */
  ACCOUNT_MODEL_LIMITS: json(accountModelLimits).optional(),
});

const schema = variables.refine(
  ({ KEY_PEPPERS, KEY_PEPPER_CURRENT }) => KEY_PEPPER_CURRENT === undefined || `${KEY_PEPPER_CURRENT}` in KEY_PEPPERS,
  { path: ['KEY_PEPPER_CURRENT'], message: 'must be one of the versions of KEY_PEPPERS' },
);

/** Throws ConfigError naming every wrong variable. */
export const readConfig = (env: Record<string, string | undefined>, now?: Now) => {
  const mistakes = createMistakes();
  const region = mistakes.attempt(() => resolveRegion(parseConfig(z.object(regionVariables), env)));
  const config = mistakes.attempt(() => parseService('key-issuance', schema, env, now));
  if (!region || !config) throw mistakes.error();
  return { config, region };
};

export const peppersOf = (
  secrets: Readonly<Record<string, string>>,
  current?: number,
): Peppers & { readonly versions: readonly number[] } => {
  const versions = Object.keys(secrets).map(Number);
  return { versions, current: current ?? Math.max(...versions), secretOf: (version) => secrets[String(version)] };
};

/** Limits by model the region sells; names it does not sell share one subject and the default. */
export const accountModelLimitsOf = (
  models: Profile['models'],
  limits: Profile['accountModelLimits'],
): AccountModelLimits => ({
  of: new Map(models.map(({ model }) => [model, limits.models[model] ?? limits.default])),
  others: limits.default,
});
