// What identity reads about login providers, as an operator would write it after registering its apps.
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import type { OperatorView } from '@meridian/sandbox/operator-view.ts';

type Env = Readonly<Record<string, string>>;

const variablesOf: Readonly<Record<FederatedLogin, (logins: OperatorView['logins']) => Env>> = {
  xiaomi: ({ xiaomi }) => ({
    XIAOMI_CLIENT_ID: xiaomi.clientId,
    XIAOMI_CLIENT_SECRET: xiaomi.clientSecret,
    XIAOMI_ACCOUNT_ENDPOINT: xiaomi.accountEndpoint,
    XIAOMI_OPEN_ENDPOINT: xiaomi.openEndpoint,
  }),
  wechat: ({ wechat }) => ({
    WECHAT_APP_ID: wechat.appId,
    WECHAT_APP_SECRET: wechat.appSecret,
    WECHAT_PUSH_TOKEN: wechat.pushToken,
    WECHAT_ENCODING_AES_KEY: wechat.encodingAesKey,
    WECHAT_OPEN_ENDPOINT: wechat.openEndpoint,
    WECHAT_API_ENDPOINT: wechat.apiEndpoint,
  }),
  weibo: ({ weibo }) => ({
    WEIBO_CLIENT_ID: weibo.clientId,
    WEIBO_CLIENT_SECRET: weibo.clientSecret,
    WEIBO_ENDPOINT: weibo.endpoint,
  }),
  qq: ({ qq }) => ({ QQ_CLIENT_ID: qq.clientId, QQ_CLIENT_SECRET: qq.clientSecret, QQ_ENDPOINT: qq.endpoint }),
  alipay: ({ alipay }) => ({
    ALIPAY_LOGIN_APP_ID: alipay.appId,
    ALIPAY_LOGIN_PRIVATE_KEY: alipay.privateKey,
    ALIPAY_LOGIN_PUBLIC_KEY: alipay.alipayPublicKey,
    ALIPAY_LOGIN_AUTHORIZE_ENDPOINT: alipay.authorizeEndpoint,
    ALIPAY_LOGIN_GATEWAY: alipay.gateway,
  }),
  apple: ({ apple }) => ({
    APPLE_CLIENT_ID: apple.clientId,
    APPLE_TEAM_ID: apple.teamId,
    APPLE_KEY_ID: apple.keyId,
    APPLE_PRIVATE_KEY: apple.privateKey,
    APPLE_ISSUER: apple.issuer,
  }),
  google: ({ google }) => ({
    GOOGLE_CLIENT_ID: google.clientId,
    GOOGLE_CLIENT_SECRET: google.clientSecret,
    GOOGLE_ISSUER: google.issuer,
  }),
  facebook: ({ facebook }) => ({
    FACEBOOK_APP_ID: facebook.appId,
    FACEBOOK_APP_SECRET: facebook.appSecret,
    FACEBOOK_DIALOG_ENDPOINT: facebook.dialogEndpoint,
    FACEBOOK_GRAPH_ENDPOINT: facebook.graphEndpoint,
  }),
};

/** Variables of the named logins only. */
export const loginEnv = (names: readonly FederatedLogin[], { logins }: Pick<OperatorView, 'logins'>): Env =>
  Object.assign({}, ...names.map((name) => variablesOf[name](logins)));

/** As an operator would enter the addresses at each provider's console; one callback path per provider. */
export const registerLoginApps = async (
  sandbox: string,
  region: string,
  names: readonly FederatedLogin[],
  base: string,
): Promise<void> => {
  for (const name of names) {
    const answer = await fetch(`${sandbox}/control/${name}/app/${region}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirectUris: [`${base}/${name}/callback`],
        pushUrl: `${base}/${name}/push`,
        deletionUrl: `${base}/${name}/push?purpose=deletion`,
      }),
    });
    if (!answer.ok) throw new Error(`the sandbox refused the addresses of ${name} in ${region}: ${answer.status}`);
  }
};
