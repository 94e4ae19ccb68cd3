// WeChat for websites: https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/Wechat_Login.html and
// …/Authorized_Interface_Calling_UnionID.md. No PKCE, no nonce, no address; errors are HTTP 200 with errcode.
import type { Now } from '@meridian/kit/ids.ts';
import { displayName, isIdentifier, isToken, requireCode, requireState } from './callback.ts';
import { addressWith, createHttp, type HttpOptions, objectOf } from './http.ts';
import { LoginError, type LoginProvider, type SubjectId } from './login-provider.ts';
import { createWechatPushes } from './wechat-push.ts';

export type WechatOptions = HttpOptions & {
  readonly appId: string;
  readonly appSecret: string;
  readonly openEndpoint: string;
  readonly apiEndpoint: string;
  /** Token and EncodingAESKey of the message server, as entered at the Open Platform. */
  readonly pushToken: string;
  readonly encodingAesKey: string;
  readonly now: Now;
};

const provider = 'wechat';
/** Invalid, used, expired code; wrong length: https://developers.weixin.qq.com/doc/oplatform/Return_codes/Return_code_descriptions_new.html */
const codeErrors = new Set(['40029', '40163', '42003', '41008']);

export const createWechat = (options: WechatOptions): LoginProvider => {
  const { appId, appSecret } = options;
  const http = createHttp(provider, options);
  const subject = (kind: SubjectId['kind'], value: string): SubjectId => ({ provider, app: appId, kind, value });
  const ask = async (path: string, query: Record<string, string>) => {
    const said = objectOf(provider, (await http.get(`${options.apiEndpoint}${path}`, query)).text);
    if (said.errcode === undefined || said.errcode === 0) return said;
    const reason = String(said.errcode);
    // -1: "system is busy, try again later".
    if (reason === '-1') throw new LoginError(provider, 'provider_unavailable', reason);
    throw new LoginError(provider, codeErrors.has(reason) ? 'invalid_callback' : 'provider_error', reason);
  };

  return {
    name: provider,
    app: appId,
    callback: 'query',
    authorizeUrl: async ({ redirectUri, state }) => {
      const url = addressWith(`${options.openEndpoint}/connect/qrconnect`, {
        appid: appId,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: 'snsapi_login',
        state,
      });
      url.hash = 'wechat_redirect';
      return url;
    },
    exchange: async (parameters, flow) => {
      requireState(provider, parameters, flow);
      // A refusal comes back with the state and nothing else, or never.
      if (parameters.code === undefined) throw new LoginError(provider, 'denied_by_user', 'no_code');
      const token = await ask('/sns/oauth2/access_token', {
        appid: appId,
        secret: appSecret,
        code: requireCode(provider, parameters.code),
        grant_type: 'authorization_code',
      });
      const { access_token: accessToken, openid, unionid } = token;
      if (!isToken(accessToken) || !isIdentifier(openid)) throw new LoginError(provider, 'provider_error', 'token');
      if (!String(token.scope).split(',').includes('snsapi_login'))
        throw new LoginError(provider, 'provider_error', 'scope');
      const said = await ask('/sns/userinfo', { access_token: accessToken, openid });
      const otherUnion = unionid !== undefined && said.unionid !== undefined && unionid !== said.unionid;
      if (said.openid !== openid || otherUnion) throw new LoginError(provider, 'provider_error', 'other_person');
      // Both are kept: the union id may begin to arrive any day, and the open id must still find the person then.
      const union = unionid ?? said.unionid;
      const open = subject('openid', openid);
      return {
        subjectIds: isIdentifier(union) ? [subject('unionid', union), open] : [open],
        ...displayName(said.nickname),
      };
    },
    parsePush: createWechatPushes(options),
  };
};
