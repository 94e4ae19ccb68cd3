// The composition root of identity: what it is made of, which routes and reactions it has.
import { listensTo } from '@meridian/contracts/events/listeners.ts';
import { createStaffVerifier } from '@meridian/kit/auth/staff-verifier.ts';
import { createPlatform, type Overrides, type Platform, type Running } from '@meridian/kit/run/platform.ts';
import { serviceCounter } from '@meridian/kit/telemetry/service-metrics.ts';
import { accountRoutes } from './account/account.routes.ts';
import { makeFencesDue } from './cancellation/cancellation.store.ts';
import { cancellationReactions } from './cancellation/cancellations.reactions.ts';
import { cancellationRoutes } from './cancellation/cancellations.routes.ts';
import { createCaptcha } from './captcha/captcha.ts';
import { codePurposes } from './codes/code.ts';
import { createCodeSecrets } from './codes/code-secrets.ts';
import { codeRoutes } from './codes/codes.routes.ts';
import { createDelivery } from './codes/delivery.ts';
import { identifierWindows } from './codes/limits.ts';
import { type IdentityConfig, readConfig } from './config.ts';
import { createContactVault } from './contacts/contact-vault.ts';
import { contactRoutes } from './contacts/contacts.routes.ts';
import { deriveKey, mac } from './crypto/mac.ts';
import type { IdentitySchema } from './db/schema.ts';
import type { IdentityDeps } from './deps.ts';
import { factorRoutes } from './factors/factors.routes.ts';
import { createPasswords } from './factors/passwords.ts';
import { factorSignInRoutes } from './factors/sign-in.routes.ts';
import { housekeeping } from './housekeeping.ts';
import { createAccessTokens } from './keys/access-token.ts';
import { jwksRoutes } from './keys/jwks.routes.ts';
import { createKeyRing } from './keys/key-ring.ts';
import { metadataRoutes } from './keys/metadata.routes.ts';
import { rotateSigningKeys } from './keys/rotate-signing-keys.ts';
import { createLoginCounter } from './logins/count-logins.ts';
import { loginRoutes } from './logins/login-feature.ts';
import { createLoginSecrets } from './logins/login-secrets.ts';
import { migrations } from './migrations.ts';
import { passkeyRoutes } from './passkeys/passkeys.routes.ts';
import { makeProviders } from './providers/registry.ts';
import { renderWithHelpCentre } from './recovery/help-centre.ts';
import { recoveryRoutes } from './recovery/recoveries.routes.ts';
import { secondProofRoutes } from './recovery/second-proof.routes.ts';
import { staffRecoveryRoutes } from './recovery/staff-recoveries.routes.ts';
import { ticketRoutes } from './recovery/tickets.routes.ts';
import { regionRoutes } from './regions/regions.routes.ts';
import { createDeviceReader } from './sessions/device.ts';
import { introspectionRoutes } from './sessions/introspection.routes.ts';
import { ownSessionRoutes } from './sessions/own-sessions.routes.ts';
import { createRefreshTokens } from './sessions/refresh-token.ts';
import { sessionRoutes } from './sessions/sessions.routes.ts';
import { createOwnUserVerifier } from './sessions/verify-user.ts';
import { staffRoutes } from './staff/staff.routes.ts';
import { isEnded } from './staff/staff.store.ts';
import { staffActionRoutes } from './staff/staff-actions.routes.ts';
import { createStaffProvider } from './staff/staff-provider.ts';

/** A code on its way when the last request was answered; its carrier may take this long. */
const deliveriesOnStopMs = 10_000;

const buildDeps = (
  config: IdentityConfig,
  platform: Platform<IdentitySchema>,
  signingKeySeal: Buffer,
): IdentityDeps => {
  const { region } = config;
  const { now, log, metrics, db } = platform;
  const embedded = config.MERIDIAN_MODE === 'embedded';
  const language = region.profile.languages[0] ?? 'en';
  const senders = Object.fromEntries(
    Object.entries(config.makeSenders).map(([method, make]) => [method, make({ now, language, embedded })]),
  );
  const verified = serviceCounter(metrics, {
    name: 'identity_codes_verified_total',
    help: 'One-time codes that were found right; its rate beside identity_codes_sent_total falls under SMS pumping',
    labelNames: ['purpose'],
  });
  // There from the start: without a series there is no rate to compare with that of codes sent, and the alert would be silent where nobody enters any.
  for (const purpose of codePurposes) verified.inc({ purpose }, 0);
  const stopped = serviceCounter(metrics, {
    name: 'identity_codes_stopped_total',
    help: 'ALARM: codes and notices refused by the spend breaker of the region',
    labelNames: [],
  });
  const factorKey = deriveKey(config.CODE_PEPPER, 'recovery codes');
  const deviceHashKey = deriveKey(config.IDENTIFIER_PEPPER, 'devices');
  const keyRing = createKeyRing({ db, now, signingKeySeal });
  return {
    ...platform,
    region,
    issuer: config.ISSUER,
    deviceOf: createDeviceReader(config.PLACE_HEADER),
    deviceHash: (accountId, deviceKey) => mac(deviceHashKey, accountId, deviceKey),
    codesVerified: (purpose) => verified.inc({ purpose }),
    codesStopped: () => stopped.inc(),
    codeSecrets: createCodeSecrets(config.IDENTIFIER_PEPPER, config.CODE_PEPPER),
    sendLimits: {
      resendSeconds: config.CODE_RESEND_SECONDS,
      identifier: identifierWindows(config.CODE_RESEND_SECONDS),
      beforeCaptcha: [{ seconds: 3_600, max: config.CODES_BEFORE_CAPTCHA }],
      captchaFree: [
        { seconds: 3_600, max: config.CODES_CAPTCHA_FREE_PER_HOUR ?? Math.floor(config.CODES_PER_HOUR / 10) },
      ],
      address: [
        { seconds: 3_600, max: config.CODES_PER_ADDRESS_HOUR },
        { seconds: 86_400, max: config.CODES_PER_ADDRESS_DAY },
      ],
      network: [
        { seconds: 3_600, max: config.CODES_PER_NETWORK_HOUR },
        { seconds: 86_400, max: config.CODES_PER_NETWORK_DAY },
      ],
      total: [
        { seconds: 3_600, max: config.CODES_PER_HOUR },
        { seconds: 86_400, max: config.CODES_PER_DAY },
      ],
    },
    delivery: createDelivery({ senders, log, metrics }),
    passwords: createPasswords(deriveKey(config.IDENTIFIER_PEPPER, 'passwords')),
    factorHash: (accountId, code) => mac(factorKey, accountId, code),
    captcha: createCaptcha({ endpoint: config.CAPTCHA_ENDPOINT, secret: config.CAPTCHA_SECRET }),
    vault: createContactVault(config.CONTACT_KEY),
    keyRing,
    accessTokens: createAccessTokens({ keyRing, issuer: config.ISSUER, region: region.id, now }),
    refreshTokens: createRefreshTokens(config.REFRESH_SECRET, region.id),
    staffProvider: createStaffProvider({
      issuer: config.OIDC_ISSUER,
      clientId: config.OIDC_CLIENT_ID,
      clientSecret: config.OIDC_CLIENT_SECRET,
      redirectUri: config.STAFF_REDIRECT_URI,
      allowInsecure: embedded,
      log,
    }),
    loginProviders: makeProviders(config.makeProviders, { now }),
    countLogin: createLoginCounter(metrics, config.makeProviders.keys()),
    loginSecrets: createLoginSecrets(config.IDENTIFIER_PEPPER, config.CONTACT_KEY),
    addresses: {
      'key-issuance': config.KEY_ISSUANCE_URL,
      billing: config.BILLING_URL,
      verification: config.VERIFICATION_URL,
      moderation: config.MODERATION_URL,
    },
  };
};

export const startIdentity = async (
  env: Record<string, string | undefined>,
  overrides: Overrides = {},
): Promise<Running> => {
  const config = readConfig(env, overrides.now);
  const { region } = config;
  const signingKeySeal = deriveKey(config.SIGNING_KEY_SECRET, 'signing keys');
  // Identity verifies its users' and staff's tokens itself. The platform builds the listeners before there is a database to ask.
  const own: {
    verifyUser?: ReturnType<typeof createOwnUserVerifier>;
    verifyStaff?: ReturnType<typeof createStaffVerifier>;
  } = {};
  const verifyUser: ReturnType<typeof createOwnUserVerifier> = async (token) => {
    if (own.verifyUser === undefined) throw new Error('a request was served before the service was complete');
    return own.verifyUser(token);
  };
  const verifyStaff: ReturnType<typeof createStaffVerifier> = async (token) => {
    if (own.verifyStaff === undefined) throw new Error('a request was served before the service was complete');
    return own.verifyStaff(token);
  };
  const platform = await createPlatform<IdentitySchema>({
    service: 'identity',
    region: region.id,
    directory: region.directory,
    corsOrigins: region.profile.corsOrigins,
    config,
    migrations,
    overrides: { ...overrides, verifiers: { verifyUser, verifyStaff, ...overrides.verifiers } },
    render: renderWithHelpCentre(region.profile.links.helpCentre),
  });
  const deps = buildDeps(config, platform, signingKeySeal);
  own.verifyUser = createOwnUserVerifier({ ...deps, issuer: config.ISSUER });
  const { directory } = region;
  own.verifyStaff = createStaffVerifier({
    ...deps,
    region: region.id,
    directory,
    keys: deps.keyRing.resolve,
    notBefore: (staffId, issuedAt) => isEnded(deps.db.read, staffId, issuedAt),
  });

  regionRoutes(deps);
  codeRoutes(deps);
  sessionRoutes(deps);
  factorSignInRoutes(deps);
  factorRoutes(deps);
  passkeyRoutes(deps);
  ownSessionRoutes(deps);
  loginRoutes(deps);
  accountRoutes(deps);
  contactRoutes(deps);
  recoveryRoutes(deps);
  ticketRoutes(deps);
  secondProofRoutes(deps);
  staffRecoveryRoutes(deps);
  cancellationRoutes(deps);
  jwksRoutes(deps);
  metadataRoutes(deps);
  introspectionRoutes(deps, verifyUser);
  staffRoutes({ ...deps, rolesClaim: config.OIDC_ROLES_CLAIM });
  staffActionRoutes(deps);
  housekeeping({ ...deps, signingKeySeal });

  return platform.start({
    listensTo: listensTo.identity,
    reactions: cancellationReactions(deps),
    prepare: async () => {
      await platform.db.transaction((tx) => rotateSigningKeys(tx, { now: deps.now, signingKeySeal }));
      await makeFencesDue(platform.db.read, deps.now());
    },
    stopping: { steps: [{ name: 'deliveries', stop: () => deps.delivery.stop() }], stepsMs: deliveriesOnStopMs },
  });
};
