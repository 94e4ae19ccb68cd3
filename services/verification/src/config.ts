// The only reader of the environment of this service.
import { ConfigError, parseConfig } from '@meridian/kit/config/config.ts';
import { createMistakes, regionDecides } from '@meridian/kit/config/mistakes.ts';
import { secret, url } from '@meridian/kit/config/values.ts';
import { type KeyRing, keyRing } from '@meridian/kit/crypto/key-ring.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { platformVariables } from '@meridian/kit/run/platform-variables.ts';
import { parseParty, parseService } from '@meridian/kit/run/service-config.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';

const variables = z.object(platformVariables);

/** Needed in a region that requires real names. */
const realNameVariables = z.object({
  /** Wraps the data key of each account: 32 bytes in base64, with versions once it was rotated. */
  IDENTITY_DATA_KEY: keyRing,
  /** Key of the blind index by which a person is recognised across accounts. Never the data key. */
  BLIND_INDEX_KEY: secret.min(32),
  REAL_NAME_ENDPOINT: url('http', 'https'),
  REAL_NAME_ACCESS_KEY_ID: z.string().min(1).max(200),
  REAL_NAME_ACCESS_KEY_SECRET: secret,
});

/** As written, wherever it comes from: two variables must not hold the same text. */
const rawVariables = z.object({ IDENTITY_DATA_KEY: z.string() });

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

const readRealName = (rules: RealNameRules, env: NodeJS.ProcessEnv): RealNameSettings => {
  const values = parseParty(realNameVariables, env);
  if (values.BLIND_INDEX_KEY === parseConfig(rawVariables, env).IDENTITY_DATA_KEY)
    throw new ConfigError(['BLIND_INDEX_KEY must differ from IDENTITY_DATA_KEY: one key, one purpose']);
  return {
    rules,
    dataKeys: values.IDENTITY_DATA_KEY,
    blindIndexKey: values.BLIND_INDEX_KEY,
    endpoint: values.REAL_NAME_ENDPOINT,
    accessKeyId: values.REAL_NAME_ACCESS_KEY_ID,
    accessKeySecret: values.REAL_NAME_ACCESS_KEY_SECRET,
  };
};

/** Reads the configuration. Throws ConfigError naming every mistake; a region that requires real names cannot start without its registry. */
export const readConfig = (env: Record<string, string | undefined>, now?: Now) => {
  const mistakes = createMistakes();
  const region = mistakes.attempt(() => resolveRegion(parseConfig(z.object(regionVariables), env)));
  const config = mistakes.attempt(() => parseService('verification', variables, env, now));
  const rules = region?.profile.realName;
  const realName = rules?.policy === 'required' ? mistakes.attempt(() => readRealName(rules, env)) : undefined;
  if (!region) mistakes.note(regionDecides);
  if (!region || !config || mistakes.any()) throw mistakes.error();
  return { config, region, realName };
};
