// QQ Connect: https://wiki.connect.qq.com/使用authorization_code获取access_token, …/unionid介绍, …/公共返回码说明, …/get_user_info.
// No PKCE, no nonce, no address. Replies are query strings, JavaScript calls or JSON, whatever was asked for.
import { displayName, isIdentifier, isToken, requireCode, requireState } from './callback.ts';
import { addressWith, createHttp, type HttpOptions, objectOf } from './http.ts';
import { LoginError, type LoginProvider, type SubjectId } from './login-provider.ts';

export type QqOptions = HttpOptions & {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly endpoint: string;
};

const provider = 'qq';
/** The code could not be redeemed, or was redeemed before. */
const codeErrors = new Set(['100019', '100020']);
const noUnionIdPermission = '100048';

/** The members of a reply in any of its three forms. */
const readReply = (text: string): Readonly<Record<string, unknown>> => {
  const wrapped = /^\s*callback\s*\(([\s\S]*)\)\s*;?\s*$/.exec(text)?.[1];
  if (wrapped !== undefined || text.trimStart().startsWith('{')) return objectOf(provider, wrapped ?? text);
  if (!/^[A-Za-z_]+=/.test(text)) throw new LoginError(provider, 'provider_error', 'unreadable_answer');
  return Object.fromEntries(new URLSearchParams(text.trim()));
};

export const createQq = (options: QqOptions): LoginProvider => {
  const { clientId, clientSecret, endpoint } = options;
  const http = createHttp(provider, options);
  const subject = (kind: SubjectId['kind'], value: string): SubjectId => ({ provider, app: clientId, kind, value });
  const ask = async (path: string, query: Record<string, string>) =>
    readReply((await http.get(`${endpoint}${path}`, { ...query, fmt: 'json' })).text);
  const errorOf = (said: Readonly<Record<string, unknown>>) =>
    said.error === undefined ? undefined : String(said.error);
  const refuse = (reason: string): never => {
    throw new LoginError(provider, codeErrors.has(reason) ? 'invalid_callback' : 'provider_error', reason);
  };

  return {
    name: provider,
    app: clientId,
    callback: 'query',
    authorizeUrl: async ({ redirectUri, state }) =>
      addressWith(`${endpoint}/oauth2.0/authorize`, {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        state,
        scope: 'get_user_info',
      }),
    exchange: async (parameters, flow) => {
      requireState(provider, parameters, flow);
      if (parameters.usercancel !== undefined && parameters.usercancel !== '0')
        throw new LoginError(provider, 'denied_by_user', 'usercancel');
      const token = await ask('/oauth2.0/token', {
        grant_type: 'authorization_code',
        client_id: clientId,
        client_secret: clientSecret,
        code: requireCode(provider, parameters.code),
        redirect_uri: flow.redirectUri,
      });
      const failed = errorOf(token);
      if (failed !== undefined) refuse(failed);
      const accessToken = token.access_token;
      if (!isToken(accessToken)) throw new LoginError(provider, 'provider_error', 'token');

      let me = await ask('/oauth2.0/me', { access_token: accessToken, unionid: '1' });
      // Without the permission for union ids the open id must do.
      if (errorOf(me) === noUnionIdPermission) me = await ask('/oauth2.0/me', { access_token: accessToken });
      const meFailed = errorOf(me);
      if (meFailed !== undefined) refuse(meFailed);
      if (String(me.client_id) !== clientId) throw new LoginError(provider, 'provider_error', 'other_app');
      const { openid, unionid } = me;
      if (!isIdentifier(openid)) throw new LoginError(provider, 'provider_error', 'openid');

      const info = await ask('/user/get_user_info', {
        access_token: accessToken,
        oauth_consumer_key: clientId,
        openid,
      });
      if (info.ret !== 0) refuse(String(info.ret));
      const open = subject('openid', openid);
      return {
        subjectIds: isIdentifier(unionid) ? [subject('unionid', unionid), open] : [open],
        ...displayName(info.nickname),
      };
    },
  };
};
