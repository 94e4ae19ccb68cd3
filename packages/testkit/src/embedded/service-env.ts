// The environment of every service of one embedded region: what an operator would write into its env files.
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import type { RegionDirectory } from '@meridian/regions/region.ts';
import type { OperatorView } from '@meridian/sandbox/operator-view.ts';
import type { RegionPorts } from './ports.ts';
import type { RegionSecrets } from './secrets.ts';

export type Env = Readonly<Record<string, string>>;

export type RegionEnvOptions = {
  readonly profile: Profile;
  readonly directory: RegionDirectory;
  readonly ports: RegionPorts;
  readonly secrets: RegionSecrets;
  readonly outside: OperatorView;
  readonly databaseUrl: (service: ServiceName) => string;
  readonly busUrl: string;
  readonly logLevel: string;
};

const loopback = (port: number) => `127.0.0.1:${port}`;
const origin = (port: number) => `http://${loopback(port)}`;

/** Who may call whom, and so whose public key each service holds. */
const callersOf: Readonly<Record<ServiceName, readonly ServiceName[]>> = {
  identity: ['billing', 'key-issuance', 'verification', 'moderation'],
  verification: ['identity', 'billing'],
  billing: ['identity', 'gateway'],
  'key-issuance': ['identity', 'gateway'],
  moderation: ['identity', 'gateway'],
  gateway: [],
};

const shared = (service: ServiceName, o: RegionEnvOptions): Env => ({
  MERIDIAN_MODE: 'embedded',
  REGION: o.profile.id,
  REGION_PROFILE: JSON.stringify(o.profile),
  REGION_DIRECTORY: JSON.stringify(o.directory),
  PUBLIC_LISTEN: loopback(o.ports.publicOf[service]),
  INTERNAL_LISTEN: loopback(o.ports.internalOf[service]),
  SERVICE_KEY: o.secrets.serviceKeys[service].privateKey,
  SERVICE_KEYS: JSON.stringify(
    Object.fromEntries(callersOf[service].map((name) => [name, o.secrets.serviceKeys[name].publicKey])),
  ),
  ISSUER: origin(o.ports.api),
  JWKS_URL: `${origin(o.ports.publicOf.identity)}/.well-known/jwks.json`,
  TRUSTED_PROXIES: '127.0.0.1',
  LOG_LEVEL: o.logLevel,
});

const stored = (service: ServiceName, o: RegionEnvOptions): Env => ({
  DATABASE_URL: o.databaseUrl(service),
  DATABASE_POOL: '4',
  EVENT_BUS_URL: o.busUrl,
});

const own: Readonly<Record<ServiceName, (o: RegionEnvOptions) => Env>> = {
  identity: ({ secrets, outside, ports }) => ({
    IDENTIFIER_PEPPER: secrets.identity.identifierPepper,
    CODE_PEPPER: secrets.identity.codePepper,
    // The sandbox is no carrier: a person trying things out need not wait a minute. All other limits are as in production.
    CODE_RESEND_SECONDS: '1',
    CODES_PER_NETWORK_HOUR: '1000',
    CODES_PER_NETWORK_DAY: '10000',
    CONTACT_KEY: secrets.identity.contactKey,
    REFRESH_SECRET: secrets.identity.refreshSecret,
    SIGNING_KEY_SECRET: secrets.identity.signingKeySecret,
    SMS_ENDPOINT: outside.sms.endpoint,
    SMS_ACCESS_KEY_ID: outside.sms.accessKeyId,
    SMS_ACCESS_KEY_SECRET: outside.sms.accessKeySecret,
    SMS_SIGN_NAME: outside.sms.signName,
    SMS_TEMPLATE: outside.sms.templates.code as string,
    SMS_NOTICE_TEMPLATE: outside.sms.templates.notice as string,
    SMTP_URL: `smtp://${encodeURIComponent(outside.mail.user)}:${encodeURIComponent(outside.mail.password)}@${outside.mail.host}:${outside.mail.port}`,
    MAIL_FROM: 'Meridian <no-reply@meridian.example>',
    OIDC_ISSUER: outside.oidc.issuer,
    OIDC_CLIENT_ID: outside.oidc.clientId,
    OIDC_CLIENT_SECRET: outside.oidc.clientSecret,
    OIDC_ROLES_CLAIM: outside.oidc.rolesClaim,
    STAFF_REDIRECT_URI: `${origin(ports.api)}/staff/v1/sign-in/callback`,
    VERIFICATION_URL: origin(ports.internalOf.verification),
    BILLING_URL: origin(ports.internalOf.billing),
    KEY_ISSUANCE_URL: origin(ports.internalOf['key-issuance']),
    MODERATION_URL: origin(ports.internalOf.moderation),
  }),
  verification: ({ secrets, outside }) => ({
    IDENTITY_DATA_KEY: secrets.verification.identityDataKey,
    BLIND_INDEX_KEY: secrets.verification.blindIndexKey,
    REAL_NAME_ENDPOINT: outside.realName.endpoint,
    REAL_NAME_ACCESS_KEY_ID: outside.realName.accessKeyId,
    REAL_NAME_ACCESS_KEY_SECRET: outside.realName.accessKeySecret,
  }),
  billing: ({ secrets, outside, ports }) => ({
    PAYLOAD_KEY: secrets.billing.payloadKey,
    IDENTITY_URL: origin(ports.internalOf.identity),
    VERIFICATION_URL: origin(ports.internalOf.verification),
    WECHAT_PAY_ENDPOINT: outside.wechatPay.baseUrl,
    WECHAT_PAY_MCHID: outside.wechatPay.mchId,
    WECHAT_PAY_APPID: outside.wechatPay.appId,
    WECHAT_PAY_SERIAL: outside.wechatPay.merchantSerial,
    WECHAT_PAY_PRIVATE_KEY: outside.wechatPay.merchantPrivateKey,
    WECHAT_PAY_API_V3_KEY: outside.wechatPay.apiV3Key,
    WECHAT_PAY_PLATFORM_KEYS: JSON.stringify(
      Object.fromEntries(outside.wechatPay.platformKeys.map((k) => [k.serial, k.publicKey])),
    ),
    WAFFO_ENDPOINT: outside.waffo.baseUrl,
    WAFFO_API_KEY: outside.waffo.apiKey,
    WAFFO_MERCHANT_ID: outside.waffo.merchantId,
    WAFFO_PRIVATE_KEY: outside.waffo.merchantPrivateKey,
    WAFFO_PUBLIC_KEY: outside.waffo.waffoPublicKey,
  }),
  'key-issuance': ({ secrets, ports }) => ({
    IDENTITY_URL: origin(ports.internalOf.identity),
    KEY_PEPPERS: JSON.stringify({ '1': secrets.keyIssuance.pepper }),
  }),
  moderation: ({ secrets }) => ({
    FINGERPRINT_KEY: secrets.moderation.fingerprintKey,
    CASE_KEY: secrets.moderation.caseKey,
  }),
  gateway: ({ outside, ports }) => ({
    BILLING_URL: origin(ports.internalOf.billing),
    KEY_ISSUANCE_URL: origin(ports.internalOf['key-issuance']),
    MODERATION_URL: origin(ports.internalOf.moderation),
    UPSTREAM_URL: outside.model.baseUrl,
    UPSTREAM_API_KEY: outside.model.apiKey,
  }),
};

export const serviceEnv = (service: ServiceName, options: RegionEnvOptions): Env => ({
  ...shared(service, options),
  ...(service === 'gateway' ? {} : stored(service, options)),
  ...own[service](options),
});
