// Facebook Login, manual flow: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow. Every call names the version, as others
// fall to the oldest one. The address has no verified flag: it owns nothing until our own code proved it.
import { createHmac } from 'node:crypto';
import type { Now } from '@meridian/kit/ids.ts';
import { displayName, isIdentifier, isToken, requireCode, requireState } from './callback.ts';
import { createFacebookPushes } from './facebook-push.ts';
import { type Answer, addressWith, createHttp, type HttpOptions, objectOf } from './http.ts';
import { LoginError, type LoginProvider } from './login-provider.ts';

export type FacebookOptions = HttpOptions & {
  readonly appId: string;
  readonly appSecret: string;
  readonly dialogEndpoint: string;
  readonly graphEndpoint: string;
  /** For example "v24.0". */
  readonly graphVersion: string;
  readonly now: Now;
};

const provider = 'facebook';
/** Code used, expired or malformed, in error_subcode: …/docs/graph-api/guides/error-handling */
const codeErrors = new Set([36_007, 36_008, 36_009]);
/** "API Unknown", "API Service", "API Too Many Calls": try again later. */
const temporary = new Set([1, 2, 4]);
const tokenGone = 190;

type GraphError = { readonly code?: unknown; readonly error_subcode?: unknown; readonly message?: unknown };

export const createFacebook = (options: FacebookOptions): LoginProvider => {
  const { appId, appSecret } = options;
  const http = createHttp(provider, options);
  const graph = `${options.graphEndpoint}/${options.graphVersion}`;
  const proofOf = (accessToken: string) => createHmac('sha256', appSecret).update(accessToken).digest('hex');
  const errorOf = (said: Readonly<Record<string, unknown>>) => said.error as GraphError | undefined;
  const read = ({ text }: Answer) => {
    const said = objectOf(provider, text);
    const error = errorOf(said);
    if (error === undefined) return said;
    const code = Number(error.code);
    if (codeErrors.has(Number(error.error_subcode)))
      throw new LoginError(provider, 'invalid_callback', String(error.error_subcode));
    // 1 is also a wrong app secret, which does not pass by itself.
    const passing = temporary.has(code) && !String(error.message).includes('client secret');
    throw new LoginError(provider, passing ? 'provider_unavailable' : 'provider_error', String(error.code));
  };

  return {
    name: provider,
    app: appId,
    callback: 'query',
    authorizeUrl: async ({ redirectUri, state }) =>
      addressWith(`${options.dialogEndpoint}/${options.graphVersion}/dialog/oauth`, {
        client_id: appId,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: 'public_profile,email',
        state,
      }),
    exchange: async (parameters, flow) => {
      requireState(provider, parameters, flow);
      if (parameters.error === 'access_denied') throw new LoginError(provider, 'denied_by_user', 'access_denied');
      if (parameters.error !== undefined || parameters.error_code !== undefined)
        throw new LoginError(provider, 'provider_error', parameters.error_code ?? parameters.error ?? '');
      const token = read(
        await http.get(`${graph}/oauth/access_token`, {
          client_id: appId,
          client_secret: appSecret,
          redirect_uri: flow.redirectUri,
          code: requireCode(provider, parameters.code),
        }),
      );
      const accessToken = token.access_token;
      if (!isToken(accessToken)) throw new LoginError(provider, 'provider_error', 'token');
      const debug = read(
        await http.get(`${graph}/debug_token`, { input_token: accessToken, access_token: `${appId}|${appSecret}` }),
      );
      const info = objectOf(provider, JSON.stringify(debug.data ?? {}));
      if (info.is_valid !== true) throw new LoginError(provider, 'provider_error', 'token');
      if (String(info.app_id) !== appId) throw new LoginError(provider, 'provider_error', 'other_app');
      const me = read(
        await http.get(`${graph}/me`, {
          fields: 'id,name,email',
          access_token: accessToken,
          appsecret_proof: proofOf(accessToken),
        }),
      );
      if (!isIdentifier(me.id) || me.id !== info.user_id)
        throw new LoginError(provider, 'provider_error', 'other_person');
      return {
        subjectIds: [{ provider, app: appId, kind: 'user_id', value: me.id }],
        ...displayName(me.name),
        ...(typeof me.email === 'string' && { email: { value: me.email, verified: false } }),
        revocationToken: accessToken,
      };
    },
    revoke: async (accessToken) => {
      const answer = await http.delete(`${graph}/me/permissions`, {
        access_token: accessToken,
        appsecret_proof: proofOf(accessToken),
      });
      const said = objectOf(provider, answer.text);
      if (said.success === true || errorOf(said)?.code === tokenGone) return;
      read(answer);
      throw new LoginError(provider, 'provider_error', 'revoke');
    },
    parsePush: createFacebookPushes(options),
  };
};
