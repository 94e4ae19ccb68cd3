// The environment of every service of one region: what an operator would write. Shared by the all-in-one start and the container stacks,
// which differ in addresses and mode alone.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import type { RegionDirectory } from '@meridian/regions/region.ts';
import type { OperatorView } from '@meridian/sandbox/operator-view.ts';
import { loginEnv } from './login-env.ts';
import type { RegionSecrets } from './secrets.ts';

export type Env = Readonly<Record<string, string>>;

export type RegionEnvOptions = {
  readonly mode: 'embedded' | 'production';
  readonly profile: Profile;
  readonly directory: RegionDirectory;
  /** The region's one public origin. */
  readonly origin: string;
  readonly jwksUrl: string;
  readonly listen: (service: ServiceName) => { readonly public: string; readonly internal: string };
  /** Address of a service's internal listener, as other services reach it. */
  readonly internalUrl: (service: ServiceName) => string;
  readonly trustedProxies: string;
  readonly secrets: RegionSecrets;
  readonly databaseUrl: (service: ServiceName) => string;
  readonly databasePool: number;
  readonly busUrl: string;
  readonly logLevel: string;
};

/** Who may call whom, and so whose public key each service holds. */
const callersOf: Readonly<Record<ServiceName, readonly ServiceName[]>> = {
  identity: ['billing', 'key-issuance', 'verification', 'moderation'],
  verification: ['identity', 'billing'],
  billing: ['identity', 'gateway'],
  'key-issuance': ['identity', 'gateway'],
  moderation: ['identity', 'gateway'],
  gateway: [],
};

/** Whom each service calls. */
const calleesOf = (service: ServiceName) =>
  (Object.keys(callersOf) as ServiceName[]).filter((name) => callersOf[name].includes(service));

/** With what a service proves itself to those it calls, and knows those that call it. */
export const serviceKeyEnv = (service: ServiceName, { serviceKeys }: RegionSecrets): Env => ({
  SERVICE_KEY: serviceKeys[service].privateKey,
  SERVICE_KEYS: JSON.stringify(
    Object.fromEntries(callersOf[service].map((name) => [name, serviceKeys[name].publicKey])),
  ),
});

const shared = (service: ServiceName, o: RegionEnvOptions): Env => ({
  MERIDIAN_MODE: o.mode,
  REGION: o.profile.id,
  REGION_PROFILE: JSON.stringify(o.profile),
  REGION_DIRECTORY: JSON.stringify(o.directory),
  PUBLIC_LISTEN: o.listen(service).public,
  INTERNAL_LISTEN: o.listen(service).internal,
  ...serviceKeyEnv(service, o.secrets),
  ISSUER: o.origin,
  JWKS_URL: o.jwksUrl,
  TRUSTED_PROXIES: o.trustedProxies,
  LOG_LEVEL: o.logLevel,
  ...Object.fromEntries(
    calleesOf(service).map((name) => [`${name.toUpperCase().replaceAll('-', '_')}_URL`, o.internalUrl(name)]),
  ),
});

const stored = (service: ServiceName, o: RegionEnvOptions): Env => ({
  DATABASE_URL: o.databaseUrl(service),
  DATABASE_POOL: String(o.databasePool),
  EVENT_BUS_URL: o.busUrl,
});

/** Secrets that seal or blind what a service stores: drawn at random, once. Where an operator keeps them, they take further versions by hand. */
export const sealingEnv: Readonly<Record<ServiceName, (secrets: RegionSecrets) => Env>> = {
  identity: ({ identity }) => ({
    IDENTIFIER_PEPPER: identity.identifierPepper,
    CODE_PEPPER: identity.codePepper,
    CONTACT_KEY: identity.contactKey,
    REFRESH_SECRET: identity.refreshSecret,
    SIGNING_KEY_SECRET: identity.signingKeySecret,
  }),
  verification: ({ verification }) => ({
    IDENTITY_DATA_KEY: verification.identityDataKey,
    BLIND_INDEX_KEY: verification.blindIndexKey,
  }),
  billing: ({ billing }) => ({ PAYLOAD_KEY: billing.payloadKey }),
  'key-issuance': ({ keyIssuance }) => ({ KEY_PEPPERS: JSON.stringify({ '1': keyIssuance.pepper }) }),
  moderation: ({ moderation }) => ({ FINGERPRINT_KEY: moderation.fingerprintKey, CASE_KEY: moderation.caseKey }),
  gateway: () => ({}),
};

/** What Meridian itself decides. `outsideEnv` adds what outside parties gave the operator. */
export const serviceEnv = (service: ServiceName, options: RegionEnvOptions): Env => ({
  ...shared(service, options),
  ...(service === 'gateway' ? {} : stored(service, options)),
  ...(service === 'identity' && { STAFF_REDIRECT_URI: `${options.origin}/staff/v1/sign-in/callback` }),
  ...sealingEnv[service](options.secrets),
});

/** Credentials and addresses of the outside parties that the services of this profile talk to. */
export const outsideEnv = (service: ServiceName, profile: Profile, outside: OperatorView): Env => {
  const methods: readonly string[] = profile.registration.methods;
  const channels: readonly string[] = profile.payment.channels;
  if (service === 'identity')
    return {
      ...(methods.includes('phone_code') && {
        SMS_ENDPOINT: outside.sms.endpoint,
        SMS_ACCESS_KEY_ID: outside.sms.accessKeyId,
        SMS_ACCESS_KEY_SECRET: outside.sms.accessKeySecret,
        SMS_SIGN_NAME: outside.sms.signName,
        SMS_TEMPLATE: outside.sms.templates.code as string,
        SMS_NOTICE_TEMPLATE: outside.sms.templates.notice as string,
      }),
      ...(methods.includes('email_code') && {
        SMTP_URL: `smtp://${encodeURIComponent(outside.mail.user)}:${encodeURIComponent(outside.mail.password)}@${outside.mail.host}:${outside.mail.port}`,
        MAIL_FROM: 'Meridian <no-reply@meridian.example>',
      }),
      CAPTCHA_ENDPOINT: outside.captcha.endpoint,
      CAPTCHA_SECRET: outside.captcha.secret,
      OIDC_ISSUER: outside.oidc.issuer,
      OIDC_CLIENT_ID: outside.oidc.clientId,
      OIDC_CLIENT_SECRET: outside.oidc.clientSecret,
      OIDC_ROLES_CLAIM: outside.oidc.rolesClaim,
      ...loginEnv(profile.registration.federated, outside),
    };
  if (service === 'verification' && profile.realName.policy === 'required')
    return {
      REAL_NAME_ENDPOINT: outside.realName.endpoint,
      REAL_NAME_ACCESS_KEY_ID: outside.realName.accessKeyId,
      REAL_NAME_ACCESS_KEY_SECRET: outside.realName.accessKeySecret,
    };
  if (service === 'billing')
    return {
      ...(channels.includes('wechat_pay') && {
        WECHAT_PAY_ENDPOINT: outside.wechatPay.baseUrl,
        WECHAT_PAY_MCHID: outside.wechatPay.mchId,
        WECHAT_PAY_APPID: outside.wechatPay.appId,
        WECHAT_PAY_SERIAL: outside.wechatPay.merchantSerial,
        WECHAT_PAY_PRIVATE_KEY: outside.wechatPay.merchantPrivateKey,
        WECHAT_PAY_API_V3_KEY: outside.wechatPay.apiV3Key,
        WECHAT_PAY_PLATFORM_KEYS: JSON.stringify(
          Object.fromEntries(outside.wechatPay.platformKeys.map((k) => [k.serial, k.publicKey])),
        ),
      }),
      ...(channels.includes('waffo') && {
        WAFFO_ENDPOINT: outside.waffo.baseUrl,
        WAFFO_API_KEY: outside.waffo.apiKey,
        WAFFO_MERCHANT_ID: outside.waffo.merchantId,
        WAFFO_PRIVATE_KEY: outside.waffo.merchantPrivateKey,
        WAFFO_PUBLIC_KEY: outside.waffo.waffoPublicKey,
      }),
    };
  if (service === 'gateway') return { UPSTREAM_URL: outside.model.baseUrl, UPSTREAM_API_KEY: outside.model.apiKey };
  return {};
};
