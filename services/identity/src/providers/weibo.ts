// Weibo: https://open.weibo.com/wiki/Oauth2/access_token, …/get_token_info, …/revokeoauth2, …/2/users/show. No PKCE, no nonce, no refresh
// token; the address is behind a scope that ordinary apps do not get, so there is none.
// No parsePush: what the 取消授权回调页 gets (source, uid, auth_end) is documented nowhere we could read, and carries no signature: anybody who
// knows a uid could send it. Taken as a hint, it would have to be asked about with the token kept of the login, which this port does not see.
import { displayName, isToken, requireCode, requireState } from './callback.ts';
import { type Answer, addressWith, createHttp, type HttpOptions, objectOf } from './http.ts';
import { LoginError, type LoginProvider } from './login-provider.ts';

export type WeiboOptions = HttpOptions & {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly endpoint: string;
};

const provider = 'weibo';
const invalidGrant = 21_325;
const accessDenied = '21330';
/** The token is no more: https://open.weibo.com/wiki/Error_code */
const goneTokens = new Set([21_314, 21_315, 21_316, 21_317, 21_327, 21_332]);

export const createWeibo = (options: WeiboOptions): LoginProvider => {
  const { clientId, clientSecret, endpoint } = options;
  const http = createHttp(provider, options);
  const read = ({ text }: Answer) => {
    const said = objectOf(provider, text);
    if (said.error_code === undefined && said.error === undefined) return said;
    const code = said.error_code === invalidGrant ? 'invalid_callback' : 'provider_error';
    throw new LoginError(provider, code, String(said.error_code));
  };

  return {
    name: provider,
    app: clientId,
    callback: 'query',
    authorizeUrl: async ({ redirectUri, state }) =>
      addressWith(`${endpoint}/oauth2/authorize`, {
        client_id: clientId,
        redirect_uri: redirectUri,
        response_type: 'code',
        state,
      }),
    exchange: async (parameters, flow) => {
      requireState(provider, parameters, flow);
      if (parameters.error_code === accessDenied || parameters.error === 'access_denied')
        throw new LoginError(provider, 'denied_by_user', accessDenied);
      if (parameters.error !== undefined)
        throw new LoginError(provider, 'provider_error', parameters.error_code ?? parameters.error);
      const token = read(
        await http.post(`${endpoint}/oauth2/access_token`, {
          client_id: clientId,
          client_secret: clientSecret,
          grant_type: 'authorization_code',
          code: requireCode(provider, parameters.code),
          redirect_uri: flow.redirectUri,
        }),
      );
      const { access_token: accessToken, uid } = token;
      if (!isToken(accessToken) || typeof uid !== 'string' || !/^[0-9]{1,20}$/.test(uid))
        throw new LoginError(provider, 'provider_error', 'token');
      // The reply alone does not say whose app the token is for.
      const info = read(await http.post(`${endpoint}/oauth2/get_token_info`, { access_token: accessToken }));
      if (String(info.appkey) !== clientId) throw new LoginError(provider, 'provider_error', 'other_app');
      if (String(info.uid) !== uid) throw new LoginError(provider, 'provider_error', 'other_person');
      const person = read(await http.get(`${endpoint}/2/users/show.json`, { access_token: accessToken, uid }));
      if (person.idstr !== uid) throw new LoginError(provider, 'provider_error', 'other_person');
      return {
        subjectIds: [{ provider, app: clientId, kind: 'uid', value: uid }],
        ...displayName(person.screen_name),
        revocationToken: accessToken,
      };
    },
    revoke: async (accessToken) => {
      const said = objectOf(
        provider,
        (await http.post(`${endpoint}/oauth2/revokeoauth2`, { access_token: accessToken })).text,
      );
      // The string, not the boolean.
      if (said.result === 'true' || goneTokens.has(Number(said.error_code))) return;
      throw new LoginError(provider, 'provider_error', String(said.error_code ?? 'revoke'));
    },
  };
};
