// The only reader of the environment. No secret has a default.
import { parseConfig } from '@meridian/kit/config/config.ts';
import { createMistakes, regionDecides } from '@meridian/kit/config/mistakes.ts';
import { integer, secret, url } from '@meridian/kit/config/values.ts';
import type { Now } from '@meridian/kit/ids.ts';
import { platformVariables, serviceUrl } from '@meridian/kit/run/platform-variables.ts';
import { isEmbedded, parseService } from '@meridian/kit/run/service-config.ts';
import { type Region, regionVariables, resolveRegion } from '@meridian/regions/region.ts';
import { z } from 'zod';
import { configureSenders, type MakeSenders } from './codes/senders.ts';
import { configureProviders, type MakeProviders } from './providers/registry.ts';

const variables = z.object({
  ...platformVariables,
  /** Keys the blind index of phone numbers and addresses, and is mixed into passwords. Changing it orphans every contact and password. */
  IDENTIFIER_PEPPER: secret,
  /** Keys the stored hashes of one-time codes and of recovery codes. Changing it voids the recovery codes that people have noted. */
  CODE_PEPPER: secret,
  /** Wraps each account's own key. Losing it loses every contact. */
  CONTACT_KEY: secret,
  /** Derives successors of refresh tokens. Changing it ends every session at its next refresh. */
  REFRESH_SECRET: secret,
  /** Seals the private halves of signing keys. */
  SIGNING_KEY_SECRET: secret,
  /** A second code to the same number or address only after this time. Carriers allow one a minute; a sandbox need not wait. */
  CODE_RESEND_SECONDS: integer(1, 600).default(60),
  /** Codes sent on request of one address (IPv6: one /64). */
  CODES_PER_ADDRESS_HOUR: integer(1, 1_000_000).default(20),
  CODES_PER_ADDRESS_DAY: integer(1, 1_000_000).default(100),
  /** Codes sent on request of one network (/24 or /48). */
  CODES_PER_NETWORK_HOUR: integer(1, 1_000_000).default(60),
  CODES_PER_NETWORK_DAY: integer(1, 1_000_000).default(300),
  /** Codes that one network may ask for in an hour before a captcha is demanded of it. */
  CODES_BEFORE_CAPTCHA: integer(0, 1_000_000).default(5),
  /** Codes that the whole region may be asked for in an hour without a captcha; a tenth of CODES_PER_HOUR if not given. */
  CODES_CAPTCHA_FREE_PER_HOUR: integer(0, 10_000_000).optional(),
  CAPTCHA_ENDPOINT: url('http', 'https'),
  CAPTCHA_SECRET: secret,
  /** The spend breaker: codes of the whole region. */
  CODES_PER_HOUR: integer(1, 10_000_000).default(3_000),
  CODES_PER_DAY: integer(1, 10_000_000).default(30_000),
  /** Header in which the edge proxy names a caller's country or city. The proxy must drop the client's own. */
  PLACE_HEADER: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,60}$/)
    .transform((name) => name.toLowerCase())
    .optional(),
  OIDC_ISSUER: url('http', 'https'),
  OIDC_CLIENT_ID: z.string().min(1).max(200),
  OIDC_CLIENT_SECRET: secret,
  /** Claim of the id_token that lists a person's roles. */
  OIDC_ROLES_CLAIM: z.string().min(1).max(200),
  /** Exactly as registered at the provider: the public address of /staff/v1/sign-in/callback. */
  STAFF_REDIRECT_URI: url('http', 'https'),
  VERIFICATION_URL: serviceUrl,
  BILLING_URL: serviceUrl,
  KEY_ISSUANCE_URL: serviceUrl,
  MODERATION_URL: serviceUrl,
});

export type IdentityConfig = z.output<typeof variables> & {
  readonly region: Region;
  readonly makeSenders: MakeSenders;
  readonly makeProviders: MakeProviders;
};

/** Throws ConfigError naming every mistake; also when a login method of the profile lacks what its sender or provider needs. */
export const readConfig = (env: Record<string, string | undefined>, now?: Now): IdentityConfig => {
  const mistakes = createMistakes();
  const region = mistakes.attempt(() => resolveRegion(parseConfig(z.object(regionVariables), env)));
  const values = mistakes.attempt(() => parseService('identity', variables, env, now));
  const { methods, federated } = region?.profile.registration ?? { methods: [], federated: [] };
  const makeSenders = mistakes.attempt(() => configureSenders(methods, env));
  const makeProviders = mistakes.attempt(() => configureProviders(federated, env, { embedded: isEmbedded(env) }));
  if (!region) mistakes.note(regionDecides);
  if (!region || !values || !makeSenders || !makeProviders) throw mistakes.error();
  return { ...values, region, makeSenders, makeProviders };
};
