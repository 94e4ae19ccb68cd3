// Alipay for websites: https://opendocs.alipay.com/open/02xtla (authorize), https://docs.antom.com/ac/solution_api/oauth_token.
// The answer's parameter is auth_code; new apps get open_id, old ones user_id (opendocs mini/0ai2i6). No PKCE, no nonce, no address.
import { createGateway, type GatewayOptions } from './alipay-gateway.ts';
import { createAlipayPushes } from './alipay-push.ts';
import { displayName, isIdentifier, isToken, requireCode, requireState } from './callback.ts';
import { addressWith } from './http.ts';
import { LoginError, type LoginProvider, type SubjectId } from './login-provider.ts';

export type AlipayOptions = GatewayOptions & { readonly authorizeEndpoint: string };

const provider = 'alipay';
/** The one that holds across apps first. */
const kinds = ['user_id', 'open_id'] as const;

export const createAlipay = (options: AlipayOptions): LoginProvider => {
  const { appId } = options;
  const gateway = createGateway(options);

  return {
    name: provider,
    app: appId,
    callback: 'query',
    authorizeUrl: async ({ redirectUri, state }) =>
      addressWith(`${options.authorizeEndpoint}/oauth2/publicAppAuthorize.htm`, {
        app_id: appId,
        scope: 'auth_user',
        redirect_uri: redirectUri,
        state,
      }),
    exchange: async (parameters, flow) => {
      requireState(provider, parameters, flow);
      if (parameters.app_id !== undefined && parameters.app_id !== appId)
        throw new LoginError(provider, 'invalid_callback', 'other_app');
      if (parameters.auth_code === undefined) throw new LoginError(provider, 'denied_by_user', 'no_auth_code');
      const token = await gateway('alipay.system.oauth.token', {
        grant_type: 'authorization_code',
        code: requireCode(provider, parameters.auth_code),
      });
      if (!isToken(token.access_token)) throw new LoginError(provider, 'provider_error', 'token');
      const person = await gateway('alipay.user.info.share', { auth_token: token.access_token });
      const subjects = kinds.flatMap((kind): SubjectId[] => {
        const value = token[kind];
        if (person[kind] !== undefined && person[kind] !== value)
          throw new LoginError(provider, 'provider_error', 'other_person');
        return isIdentifier(value) ? [{ provider, app: appId, kind, value }] : [];
      });
      const [first, ...rest] = subjects;
      if (first === undefined) throw new LoginError(provider, 'provider_error', 'no_identifier');
      return { subjectIds: [first, ...rest], ...displayName(person.nick_name) };
    },
    parsePush: createAlipayPushes(options),
  };
};
