// Xiaomi account: https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1708 (authorize, token), ?pId=1517 (profile), ?pId=1519 (errors).
// No PKCE, no nonce, no id_token. Because Xiaomi also accepts sub domains and sub paths of the registered address, our callback host must
// have no untrusted sub domain and no open redirect below the callback path (?pId=1512).
import { displayName, isIdentifier, isToken, requireCode, requireState } from './callback.ts';
import { addressWith, createHttp, type HttpOptions, objectOf } from './http.ts';
import { LoginError, type LoginProvider, type SubjectId } from './login-provider.ts';

export type XiaomiOptions = HttpOptions & {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accountEndpoint: string;
  readonly openEndpoint: string;
};

const provider = 'xiaomi';
/** Every token reply begins with it, errors too. */
const prefix = '&&&START&&&';
const [accessDenied, invalidCode] = ['96012', '96013'];

export const createXiaomi = (options: XiaomiOptions): LoginProvider => {
  const { clientId, clientSecret } = options;
  const http = createHttp(provider, options);
  const subject = (kind: SubjectId['kind'], value: string): SubjectId => ({ provider, app: clientId, kind, value });
  const refuse = (code: unknown): never => {
    const reason = String(code);
    throw new LoginError(provider, reason === invalidCode ? 'invalid_callback' : 'provider_error', reason);
  };

  return {
    name: provider,
    app: clientId,
    callback: 'query',
    authorizeUrl: async ({ redirectUri, state }) =>
      addressWith(`${options.accountEndpoint}/oauth2/authorize`, {
        client_id: clientId,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: '1 3',
        state,
        // The documents contradict each other about the default: always said.
        skip_confirm: 'false',
      }),
    exchange: async (parameters, flow) => {
      requireState(provider, parameters, flow);
      if (parameters.error === accessDenied) throw new LoginError(provider, 'denied_by_user', accessDenied);
      if (parameters.error !== undefined) throw new LoginError(provider, 'provider_error', parameters.error);
      const answer = await http.post(`${options.accountEndpoint}/oauth2/token`, {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uri: flow.redirectUri,
        grant_type: 'authorization_code',
        code: requireCode(provider, parameters.code),
        token_type: 'mac',
      });
      if (!answer.text.startsWith(prefix)) throw new LoginError(provider, 'provider_error', 'unreadable_answer');
      const token = objectOf(provider, answer.text.slice(prefix.length));
      if (token.error !== undefined) refuse(token.error);
      const { access_token: accessToken, openId, union_id: unionId } = token;
      if (!isToken(accessToken) || !isIdentifier(openId)) throw new LoginError(provider, 'provider_error', 'token');

      const said = objectOf(
        provider,
        (await http.get(`${options.openEndpoint}/user/profile`, { clientId, token: accessToken })).text,
      );
      if (said.result !== 'ok') refuse(said.code);
      const data = objectOf(provider, JSON.stringify(said.data ?? {}));
      if (unionId !== undefined && data.unionId !== undefined && unionId !== data.unionId)
        throw new LoginError(provider, 'provider_error', 'other_person');
      const union = unionId ?? data.unionId;
      const open = subject('openid', openId);
      return {
        subjectIds: isIdentifier(union) ? [subject('unionid', union), open] : [open],
        ...displayName(data.miliaoNick),
      };
    },
  };
};
