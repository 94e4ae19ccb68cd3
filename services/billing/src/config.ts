// The only reader of the environment. No secret has a default.
import { parseConfig } from '@meridian/kit/config/config.ts';
import { createMistakes, regionDecides } from '@meridian/kit/config/mistakes.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { platformVariables, serviceUrl } from '@meridian/kit/run/platform-variables.ts';
import { parseParty, parseService } from '@meridian/kit/run/service-config.ts';
import type { PaymentChannel } from '@meridian/regions/profile.ts';
import { regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';
import { channelModules } from './recharge/channels.ts';
import { payloadKey } from './recharge/payload-seal.ts';

const variables = z.object({
  ...platformVariables,
  /** Internal address of verification, asked when billing's copy says "not verified". */
  VERIFICATION_URL: serviceUrl,
  /** Internal address of identity, asked for the payer's address by channels that demand one. */
  IDENTITY_URL: serviceUrl,
  /** Encrypts the messages of payment channels that are kept as evidence: 32 bytes, Base64. */
  PAYLOAD_KEY: payloadKey,
});

const variablesOf = (channels: readonly PaymentChannel[]): Record<string, z.ZodType> =>
  Object.assign({}, ...channels.map((name) => channelModules[name].variables));

/** Parses the environment of a billing service. The variables of every channel of the profile are required. Throws ConfigError naming every mistake. */
export const readConfig = (env: NodeJS.ProcessEnv, now?: Now) => {
  const mistakes = createMistakes();
  const region = mistakes.attempt(() => resolveRegion(parseConfig(z.object(regionVariables), env)));
  const config = mistakes.attempt(() => parseService('billing', variables, env, now));
  const channels =
    region && mistakes.attempt(() => parseParty(z.object(variablesOf(region.profile.payment.channels)), env));
  if (!region) mistakes.note(regionDecides);
  if (!region || !config || !channels) throw mistakes.error();
  return { region, config, channels };
};
