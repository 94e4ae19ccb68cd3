// The only reader of the environment of this service.
import { parseConfig, parseFitting } from '@meridian/kit/config/config.ts';
import { createMistakes } from '@meridian/kit/config/mistakes.ts';
import { secret } from '@meridian/kit/config/values.ts';
import { keyRing } from '@meridian/kit/crypto/key-ring.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { platformVariables } from '@meridian/kit/run/platform-variables.ts';
import { parseService } from '@meridian/kit/run/service-config.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';
import { readRulesFile } from './rules/rules-file.ts';

const variables = z.object({
  ...platformVariables,
  /** Key of the fingerprints of hits. Changing it lets a context that counted today count once more. */
  FINGERPRINT_KEY: secret.min(32),
  /** Wraps the key of each case: 32 bytes in base64, with versions once it was rotated. */
  CASE_KEY: keyRing,
  /** Path of the JSON file with policy and rules; without it the shipped examples. */
  RULES_FILE: z.string().min(1).max(500).optional(),
});

/** Reads the configuration and the rules file. Throws ConfigError naming every mistake. */
export const readConfig = (env: Record<string, string | undefined>, now?: Now) => {
  const mistakes = createMistakes();
  const region = mistakes.attempt(() => resolveRegion(parseConfig(z.object(regionVariables), env)));
  const config = mistakes.attempt(() => parseService('moderation', variables, env, now));
  const rulesFile = mistakes.attempt(() => readRulesFile(parseFitting(variables, env).RULES_FILE));
  if (!region || !config || !rulesFile) throw mistakes.error();
  return { config, region, rulesFile };
};
