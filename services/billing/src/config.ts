// The only reader of the environment. No secret has a default.
import { parseConfig } from '@meridian/kit/config/config.ts';
import { platformVariables, serviceUrl } from '@meridian/kit/run/platform-variables.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';
import { channelModules } from './recharge/channels.ts';
import { payloadKey } from './recharge/payload-seal.ts';

const own = {
  /** Internal address of verification, asked when billing's copy says "not verified". */
  VERIFICATION_URL: serviceUrl,
  /** Internal address of identity, asked for the payer's address by channels that demand one. */
  IDENTITY_URL: serviceUrl,
  /** Encrypts the messages of payment channels that are kept as evidence: 32 bytes, Base64. */
  PAYLOAD_KEY: payloadKey,
};

/** Parses the environment of a billing service. The variables of every channel of the profile are required. Throws ConfigError. */
export const readConfig = (env: NodeJS.ProcessEnv) => {
  const region = resolveRegion(parseConfig(z.object(regionVariables), env));
  const channelVariables = Object.assign(
    {},
    ...region.profile.payment.channels.map((name) => channelModules[name].variables),
  ) as Record<string, z.ZodType>;
  const config = parseConfig(z.object({ ...platformVariables, ...own }), env);
  const channels = parseConfig(z.object(channelVariables), env);
  return { region, config, channels };
};
