// What a sandbox is told. Every key and secret is given; none has a default. `createSandboxSecrets` draws a fresh set.
import { z } from 'zod';

const pem = z.string().includes('-----BEGIN');
const keyPair = z.strictObject({ privateKey: pem, publicKey: pem });
const accessKey = z.strictObject({ accessKeyId: z.string().min(16), accessKeySecret: z.string().min(30) });

const appSecret = z.string().min(24);

/** What a region holds at the providers of federated login: its apps' ids and secrets. */
const loginSecrets = z.strictObject({
  xiaomi: z.strictObject({ clientId: z.string().regex(/^[0-9]{19}$/), clientSecret: appSecret }),
  wechat: z.strictObject({
    appId: z.string().regex(/^wx[0-9a-f]{16}$/),
    appSecret,
    pushToken: z.string().min(16),
    encodingAesKey: z.string().regex(/^[A-Za-z0-9]{43}$/),
  }),
  weibo: z.strictObject({ clientId: z.string().regex(/^[0-9]{10}$/), clientSecret: appSecret }),
  qq: z.strictObject({ clientId: z.string().regex(/^[0-9]{9}$/), clientSecret: appSecret }),
  alipay: z.strictObject({ appId: z.string().regex(/^[0-9]{16}$/), key: keyPair }),
  apple: z.strictObject({
    clientId: z.string().min(8),
    teamId: z.string().regex(/^[0-9A-Z]{10}$/),
    keyId: z.string().regex(/^[0-9A-Z]{10}$/),
    key: keyPair,
  }),
  google: z.strictObject({ clientId: z.string().endsWith('.apps.googleusercontent.com'), clientSecret: appSecret }),
  facebook: z.strictObject({ appId: z.string().regex(/^[0-9]{15}$/), appSecret }),
});
export type LoginSecrets = z.infer<typeof loginSecrets>;
export type LoginName = keyof LoginSecrets;

/** The credentials that one Meridian region holds at every outside party. */
const regionSecrets = z.strictObject({
  sms: accessKey.extend({
    signName: z.string().min(2),
    // Not strict: what was drawn before has their texts, too.
    templates: z.record(z.string(), z.object({ code: z.string() })),
  }),
  realName: accessKey,
  mail: z.strictObject({ user: z.string().min(4), password: z.string().min(16) }),
  oidc: z.strictObject({ clientId: z.string().min(8), clientSecret: z.string().min(32) }),
  wechatPay: z.strictObject({
    appId: z.string().regex(/^wx[0-9a-f]{16}$/),
    mchId: z.string().regex(/^[0-9]{8,12}$/),
    apiV3Key: z.string().length(32),
    merchantSerial: z.string().regex(/^[0-9A-F]{40}$/),
    merchantKey: keyPair,
  }),
  waffo: z.strictObject({ merchantId: z.string().min(8), apiKey: z.string().min(32), merchantKey: keyPair }),
  model: z.strictObject({ apiKey: z.string().min(32) }),
  logins: loginSecrets,
  captcha: z.strictObject({ secret: z.string().min(32) }),
});

export const sandboxSecrets = z.strictObject({
  regions: z.record(z.string().regex(/^[a-z]{2,12}$/), regionSecrets),
  /** WeChat Pay signs with its public-key-mode key; while a merchant migrates, also with the certificate's key. */
  wechatPayPlatform: z.strictObject({
    publicKeyId: z.string().startsWith('PUB_KEY_ID_'),
    publicKey: keyPair,
    certificateSerial: z.string().regex(/^[0-9A-F]{40}$/),
    certificate: keyPair,
  }),
  waffoPlatform: z.strictObject({ key: keyPair }),
  oidcSigningKey: z.strictObject({ kid: z.string(), key: keyPair }),
  googleSigningKey: z.strictObject({ kid: z.string(), key: keyPair }),
  appleSigningKey: z.strictObject({ kid: z.string(), key: keyPair }),
  alipayPlatform: z.strictObject({ key: keyPair }),
});

/** Plain JSON, so that the embedded start can keep it between runs. */
export type SandboxSecrets = z.infer<typeof sandboxSecrets>;
export type RegionSecrets = z.infer<typeof regionSecrets>;

/** A model that the upstream offers. `contextTokens` bounds prompt plus completion, `maxOutputTokens` the completion. */
export type ModelConfig = { id: string; ownedBy: string; contextTokens: number; maxOutputTokens: number };

/** A person of the operator's staff at the OpenID provider; `roles` becomes the claim of that name. */
export type StaffPerson = { sub: string; name: string; email: string; roles: string[] };

export type SandboxConfig = {
  secrets: SandboxSecrets;
  /** Address to listen on; 127.0.0.1 unless told. Containers of several regions reach one sandbox by their own networks. */
  host?: string;
  /** Certificate and key in PEM: https, and STARTTLS for mail. Without: plain, for loopback alone. */
  tls?: { key: string; cert: string };
  /** How everyone reaches the sandbox, e.g. https://sandbox.localhost:7443; by default the address it listens on. */
  origin?: string;
  /** Ports; 0 lets the system choose. */
  http: { port: number };
  smtp: { port: number };
  /** Where orders and undelivered notifications of the payment channels outlive the process; without it they do not. */
  dataDir?: string | undefined;
  now: () => Date;
  models: ModelConfig[];
  staff: StaffPerson[];
  /** Redirect addresses of each region's OIDC client known from the start; more come by the control interface. */
  redirectUris?: Readonly<Record<string, readonly string[]>>;
  /** By region: the public origin below which login providers call back, for apps that are not registered by control. */
  apiOrigins?: Readonly<Record<string, string>>;
  notifications: {
    /** Factor on every waiting time of the documented retry schedules: 1 is real time, 0.0001 turns 15 s into 1.5 ms. */
    timeScale: number;
    /** How long a merchant may take to answer, in milliseconds; the originals allow 5,000. */
    timeoutMs: number;
  };
  /** One line per event that needs attention, such as a notification given up. Never carries a secret or a body. */
  log: (line: string) => void;
};
