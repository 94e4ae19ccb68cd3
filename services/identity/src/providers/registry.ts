// Which accounts elsewhere this deployment signs in with. Typed over the profile's enum: a login without a client does not compile, and a login of the
// profile without its secrets does not start.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { parseConfig } from '@meridian/kit/config/config.ts';
import { createMistakes } from '@meridian/kit/config/mistakes.ts';
import { privateKeyPem, secret, url } from '@meridian/kit/config/values.ts';
import type { Now } from '@meridian/kit/ids.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { z } from 'zod';
import { createAlipay } from './alipay.ts';
import { createApple } from './apple.ts';
import { createFacebook } from './facebook.ts';
import { createGoogle } from './google.ts';
import type { LoginProvider } from './login-provider.ts';
import { createQq } from './qq.ts';
import { createWechat } from './wechat.ts';
import { createWeibo } from './weibo.ts';
import { createXiaomi } from './xiaomi.ts';

export type ProviderDeps = { readonly now: Now };
/** Configured, not yet created, as with senders. */
export type MakeProvider = (deps: ProviderDeps) => LoginProvider;
type Env = Record<string, string | undefined>;
type Configure = (env: Env, embedded: boolean) => MakeProvider;

const login =
  <T extends z.ZodObject>(
    variables: (endpoint: (address: string) => z.ZodType<string>) => T,
    make: (values: z.output<T>, deps: ProviderDeps & { readonly allowInsecure: boolean }) => LoginProvider,
  ): Configure =>
  (env, embedded) => {
    // Only on one machine may a provider be spoken to in the clear.
    const endpoint = (address: string): z.ZodType<string> =>
      (embedded ? url('http', 'https') : url('https')).default(address);
    const values = parseConfig(variables(endpoint), env);
    return ({ now }) => make(values, { now, allowInsecure: embedded });
  };

const id = z.string().regex(/^[\x21-\x7e]{4,200}$/, 'must be an id without blanks');
const rsaPem = (readable: (pem: string) => unknown, what: string) =>
  z.string().transform((value, context) => {
    // Environment files cannot hold line breaks: "\n" written out is accepted.
    const pem = value.replaceAll('\\n', '\n');
    try {
      readable(pem);
      return pem;
    } catch {
      // OpenSSL's message must not quote key material.
      context.addIssue({ code: 'custom', message: `must be ${what} in PEM` });
      return z.NEVER;
    }
  });

/** Addresses default to the originals; secrets never. */
const providers: Record<FederatedLogin, Configure> = {
  xiaomi: login(
    (endpoint) =>
      z.object({
        XIAOMI_CLIENT_ID: z.string().regex(/^[0-9]{5,25}$/),
        XIAOMI_CLIENT_SECRET: secret,
        XIAOMI_ACCOUNT_ENDPOINT: endpoint('https://account.xiaomi.com'),
        XIAOMI_OPEN_ENDPOINT: endpoint('https://open.account.xiaomi.com'),
      }),
    (values) =>
      createXiaomi({
        clientId: values.XIAOMI_CLIENT_ID,
        clientSecret: values.XIAOMI_CLIENT_SECRET,
        accountEndpoint: values.XIAOMI_ACCOUNT_ENDPOINT,
        openEndpoint: values.XIAOMI_OPEN_ENDPOINT,
      }),
  ),
  wechat: login(
    (endpoint) =>
      z.object({
        WECHAT_APP_ID: z.string().regex(/^wx[0-9a-f]{16}$/),
        WECHAT_APP_SECRET: secret,
        /** Token of the message server, as entered at the Open Platform. */
        WECHAT_PUSH_TOKEN: z.string().regex(/^[A-Za-z0-9]{3,32}$/),
        WECHAT_ENCODING_AES_KEY: z.string().regex(/^[A-Za-z0-9]{43}$/),
        WECHAT_OPEN_ENDPOINT: endpoint('https://open.weixin.qq.com'),
        WECHAT_API_ENDPOINT: endpoint('https://api.weixin.qq.com'),
      }),
    (values, { now }) =>
      createWechat({
        appId: values.WECHAT_APP_ID,
        appSecret: values.WECHAT_APP_SECRET,
        pushToken: values.WECHAT_PUSH_TOKEN,
        encodingAesKey: values.WECHAT_ENCODING_AES_KEY,
        openEndpoint: values.WECHAT_OPEN_ENDPOINT,
        apiEndpoint: values.WECHAT_API_ENDPOINT,
        now,
      }),
  ),
  weibo: login(
    (endpoint) =>
      z.object({ WEIBO_CLIENT_ID: id, WEIBO_CLIENT_SECRET: secret, WEIBO_ENDPOINT: endpoint('https://api.weibo.com') }),
    (values) =>
      createWeibo({
        clientId: values.WEIBO_CLIENT_ID,
        clientSecret: values.WEIBO_CLIENT_SECRET,
        endpoint: values.WEIBO_ENDPOINT,
      }),
  ),
  qq: login(
    (endpoint) =>
      z.object({ QQ_CLIENT_ID: id, QQ_CLIENT_SECRET: secret, QQ_ENDPOINT: endpoint('https://graph.qq.com') }),
    (values) =>
      createQq({ clientId: values.QQ_CLIENT_ID, clientSecret: values.QQ_CLIENT_SECRET, endpoint: values.QQ_ENDPOINT }),
  ),
  alipay: login(
    (endpoint) =>
      z.object({
        ALIPAY_LOGIN_APP_ID: id,
        ALIPAY_LOGIN_PRIVATE_KEY: rsaPem(createPrivateKey, 'a private key'),
        /** Alipay's key, not the public half of our own. */
        ALIPAY_LOGIN_PUBLIC_KEY: rsaPem(createPublicKey, 'a public key'),
        ALIPAY_LOGIN_AUTHORIZE_ENDPOINT: endpoint('https://openauth.alipay.com'),
        ALIPAY_LOGIN_GATEWAY: endpoint('https://openapi.alipay.com/gateway.do'),
      }),
    (values, { now }) =>
      createAlipay({
        appId: values.ALIPAY_LOGIN_APP_ID,
        privateKey: values.ALIPAY_LOGIN_PRIVATE_KEY,
        alipayPublicKey: values.ALIPAY_LOGIN_PUBLIC_KEY,
        authorizeEndpoint: values.ALIPAY_LOGIN_AUTHORIZE_ENDPOINT,
        gateway: values.ALIPAY_LOGIN_GATEWAY,
        now,
      }),
  ),
  apple: login(
    (endpoint) =>
      z.object({
        /** The Services ID of the web. */
        APPLE_CLIENT_ID: id,
        APPLE_TEAM_ID: id,
        APPLE_KEY_ID: id,
        APPLE_PRIVATE_KEY: privateKeyPem,
        /** The primary App ID, if notifications are addressed to it. Without it: the Services ID. */
        APPLE_NOTIFICATION_AUDIENCE: id.optional(),
        APPLE_ISSUER: endpoint('https://appleid.apple.com'),
      }),
    (values, deps) =>
      createApple({
        clientId: values.APPLE_CLIENT_ID,
        teamId: values.APPLE_TEAM_ID,
        keyId: values.APPLE_KEY_ID,
        privateKey: values.APPLE_PRIVATE_KEY,
        notificationAudience: values.APPLE_NOTIFICATION_AUDIENCE ?? values.APPLE_CLIENT_ID,
        issuer: values.APPLE_ISSUER,
        ...deps,
      }),
  ),
  google: login(
    (endpoint) =>
      z.object({
        GOOGLE_CLIENT_ID: id,
        GOOGLE_CLIENT_SECRET: secret,
        GOOGLE_ISSUER: endpoint('https://accounts.google.com'),
      }),
    (values, deps) =>
      createGoogle({
        clientId: values.GOOGLE_CLIENT_ID,
        clientSecret: values.GOOGLE_CLIENT_SECRET,
        issuer: values.GOOGLE_ISSUER,
        ...deps,
      }),
  ),
  facebook: login(
    (endpoint) =>
      z.object({
        FACEBOOK_APP_ID: z.string().regex(/^[0-9]{5,25}$/),
        FACEBOOK_APP_SECRET: secret,
        FACEBOOK_DIALOG_ENDPOINT: endpoint('https://www.facebook.com'),
        FACEBOOK_GRAPH_ENDPOINT: endpoint('https://graph.facebook.com'),
        FACEBOOK_GRAPH_VERSION: z
          .string()
          .regex(/^v[0-9]{1,3}\.[0-9]$/)
          .default('v24.0'),
      }),
    (values, { now }) =>
      createFacebook({
        appId: values.FACEBOOK_APP_ID,
        appSecret: values.FACEBOOK_APP_SECRET,
        dialogEndpoint: values.FACEBOOK_DIALOG_ENDPOINT,
        graphEndpoint: values.FACEBOOK_GRAPH_ENDPOINT,
        graphVersion: values.FACEBOOK_GRAPH_VERSION,
        now,
      }),
  ),
};

export type MakeProviders = ReadonlyMap<FederatedLogin, MakeProvider>;
/** The profile's logins, in its order. A login that is not in it is not here, whatever the environment holds. */
export type LoginProviders = ReadonlyMap<FederatedLogin, LoginProvider>;

/** Reads what the logins need from the environment. Throws ConfigError naming all that logins of the profile lack. */
export const configureProviders = (
  names: readonly FederatedLogin[],
  env: Env,
  options: { readonly embedded: boolean },
): MakeProviders => {
  const mistakes = createMistakes();
  const made = names.flatMap((name): [FederatedLogin, MakeProvider][] => {
    const provider = mistakes.attempt(() => providers[name](env, options.embedded));
    return provider ? [[name, provider]] : [];
  });
  if (mistakes.any()) throw mistakes.error();
  return new Map(made);
};

export const makeProviders = (configured: MakeProviders, deps: ProviderDeps): LoginProviders =>
  new Map([...configured].map(([name, make]) => [name, make(deps)]));
