// The only reader of the environment of this service.
import { ConfigError, parseConfig } from '@meridian/kit/config/config.ts';
import { secret, url } from '@meridian/kit/config/values.ts';
import { type KeyRing, keyRing } from '@meridian/kit/crypto/key-ring.ts';
import { platformVariables } from '@meridian/kit/run/platform-variables.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';

const variables = z.object({
  ...regionVariables,
  ...platformVariables,
  /** Wraps the data key of each account: 32 bytes in base64, with versions while it is rotated. */
  IDENTITY_DATA_KEY: keyRing.optional(),
  /** Key of the blind index by which a person is recognised across accounts. Never the data key. */
  BLIND_INDEX_KEY: secret.min(32).optional(),
  REAL_NAME_ENDPOINT: url('http', 'https').optional(),
  REAL_NAME_ACCESS_KEY_ID: z.string().min(1).max(200).optional(),
  REAL_NAME_ACCESS_KEY_SECRET: secret.optional(),
});

/** As written, wherever it comes from: two variables must not hold the same text. */
const rawVariables = z.object({ IDENTITY_DATA_KEY: z.string().optional() });

const realNameVariables = [
  'IDENTITY_DATA_KEY',
  'BLIND_INDEX_KEY',
  'REAL_NAME_ENDPOINT',
  'REAL_NAME_ACCESS_KEY_ID',
  'REAL_NAME_ACCESS_KEY_SECRET',
] as const;

export type RealNameRules = Extract<Profile['realName'], { policy: 'required' }>;

/** What verifying a person takes; absent in a region that asks for no real name. */
export type RealNameSettings = {
  rules: RealNameRules;
  dataKeys: KeyRing;
  blindIndexKey: string;
  endpoint: string;
  accessKeyId: string;
  accessKeySecret: string;
};

/** Reads the configuration. Throws ConfigError naming every mistake; a region that requires real names cannot start without its registry. */
export const readConfig = (env: Record<string, string | undefined>) => {
  const config = parseConfig(variables, env);
  const region = resolveRegion(config);
  const rules = region.profile.realName;
  if (rules.policy !== 'required') return { config, region, realName: undefined };
  const missing = realNameVariables.filter((name) => config[name] === undefined);
  const [dataKeys, blindIndexKey, endpoint] = [
    config.IDENTITY_DATA_KEY,
    config.BLIND_INDEX_KEY,
    config.REAL_NAME_ENDPOINT,
  ];
  const [accessKeyId, accessKeySecret] = [config.REAL_NAME_ACCESS_KEY_ID, config.REAL_NAME_ACCESS_KEY_SECRET];
  if (!dataKeys || !blindIndexKey || !endpoint || !accessKeyId || !accessKeySecret)
    throw new ConfigError(missing.map((name) => `${name} is missing: region ${region.id} requires real names`));
  const { IDENTITY_DATA_KEY: rawDataKey } = parseConfig(rawVariables, env);
  if (blindIndexKey === rawDataKey)
    throw new ConfigError(['BLIND_INDEX_KEY must differ from IDENTITY_DATA_KEY: one key, one purpose']);
  const realName: RealNameSettings = { rules, dataKeys, blindIndexKey, endpoint, accessKeyId, accessKeySecret };
  return { config, region, realName };
};
