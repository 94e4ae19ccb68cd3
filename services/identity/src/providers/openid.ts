// What Google and Apple have in common: discovery by openid-client, tokens verified by jose. openid-client's own code exchange is not used for them,
// as it knows one form of `iss` only and Google has two.
import { errorCode } from '@meridian/kit/error-code.ts';
import type { Now } from '@meridian/kit/ids.ts';
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { buildAuthorizationUrl, type Configuration, None, type ServerMetadata } from 'openid-client';
import { type CallbackParameters, requireCode, requireState } from './callback.ts';
import { createHttp, type HttpOptions, objectOf } from './http.ts';
import { LoginError, type LoginFlow } from './login-provider.ts';
import { createDiscovery } from './openid-discovery.ts';

export type OpenidOptions = HttpOptions & {
  readonly provider: FederatedLogin;
  readonly issuer: string;
  /** Other forms of `iss` that this provider is known to use. */
  readonly alsoIssuers?: readonly string[];
  readonly clientId: string;
  /** What proves us at the token endpoint, besides client_id; made for each request. */
  readonly clientSecret: () => string;
  readonly allowInsecure: boolean;
  readonly now: Now;
};

const clockToleranceSeconds = 30;
/** The id_token was asked for a moment ago. */
const idTokenAgeSeconds = 600;
/** jose's codes for a token that is not as it should be; anything else means that the keys could not be had. */
const badToken =
  /^ERR_(JWT|JWS|JWKS_NO_MATCHING_KEY|JWKS_MULTIPLE_MATCHING_KEYS|JOSE_ALG_NOT_ALLOWED|JOSE_NOT_SUPPORTED)/;

export const createOpenid = (options: OpenidOptions) => {
  const { provider, clientId, now } = options;
  const http = createHttp(provider, options);
  const discover = createDiscovery({ ...options, clientAuth: None() });
  let keys: { readonly url: string; readonly set: ReturnType<typeof createRemoteJWKSet> } | undefined;

  const secure = (address: string | undefined): string => {
    if (address !== undefined && (options.allowInsecure || address.startsWith('https://'))) return address;
    throw new LoginError(provider, 'provider_error', 'metadata');
  };
  const configuration = async (): Promise<Configuration> => {
    try {
      return await discover();
    } catch (error) {
      const wrong = errorCode(error) === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED';
      throw wrong
        ? new LoginError(provider, 'provider_error', 'issuer_mismatch')
        : new LoginError(provider, 'provider_unavailable', 'discovery');
    }
  };
  const metadata = async (): Promise<ServerMetadata> => (await configuration()).serverMetadata();
  const keySet = async () => {
    const url = secure((await metadata()).jwks_uri);
    if (keys?.url !== url) keys = { url, set: createRemoteJWKSet(new URL(url), { timeoutDuration: 5_000 }) };
    return keys.set;
  };

  /** A JWT of this provider for us; RS256 only, whatever its header or the metadata say. Throws LoginError. */
  const verify = async (token: string, expect: { required: string[]; maxAgeSeconds?: number; audience?: string }) => {
    const set = await keySet();
    try {
      const { payload } = await jwtVerify(token, set, {
        algorithms: ['RS256'],
        issuer: [options.issuer, ...(options.alsoIssuers ?? [])],
        audience: expect.audience ?? clientId,
        requiredClaims: ['iss', 'aud', 'iat', ...expect.required],
        currentDate: now(),
        clockTolerance: clockToleranceSeconds,
        ...(expect.maxAgeSeconds !== undefined && { maxTokenAge: expect.maxAgeSeconds }),
      });
      return payload;
    } catch (error) {
      const code = errorCode(error) ?? '';
      throw new LoginError(provider, badToken.test(code) ? 'provider_error' : 'provider_unavailable', code || 'keys');
    }
  };

  /** RFC 9207: an answer that names its issuer must name this one; a provider that says it does so must do so. */
  const requireIssuer = async (parameters: CallbackParameters) => {
    const promised = (await metadata()).authorization_response_iss_parameter_supported === true;
    if (parameters.iss === undefined ? promised : parameters.iss !== options.issuer)
      throw new LoginError(provider, 'invalid_callback', 'iss');
  };

  return {
    http,
    metadata,
    secure,
    verify,
    authorizeUrl: async (parameters: Record<string, string>): Promise<URL> =>
      buildAuthorizationUrl(await configuration(), { response_type: 'code', ...parameters }),

    /** The claims of the verified id_token, and the token reply around it. */
    redeem: async (
      parameters: CallbackParameters,
      flow: LoginFlow,
      { denied, proof = {} }: { denied: string; proof?: Record<string, string> },
    ): Promise<{ claims: JWTPayload & { sub: string }; reply: Readonly<Record<string, unknown>> }> => {
      requireState(provider, parameters, flow);
      await requireIssuer(parameters);
      if (parameters.error === denied) throw new LoginError(provider, 'denied_by_user', denied);
      if (parameters.error !== undefined) throw new LoginError(provider, 'provider_error', parameters.error);
      const { text } = await http.post(secure((await metadata()).token_endpoint), {
        grant_type: 'authorization_code',
        code: requireCode(provider, parameters.code),
        redirect_uri: flow.redirectUri,
        client_id: clientId,
        client_secret: options.clientSecret(),
        ...proof,
      });
      const reply = objectOf(provider, text);
      if (reply.error !== undefined) {
        const reason = String(reply.error);
        throw new LoginError(provider, reason === 'invalid_grant' ? 'invalid_callback' : 'provider_error', reason);
      }
      if (typeof reply.id_token !== 'string') throw new LoginError(provider, 'provider_error', 'no_id_token');
      const claims = await verify(reply.id_token, { required: ['sub', 'exp'], maxAgeSeconds: idTokenAgeSeconds });
      if (claims.nonce !== flow.nonce) throw new LoginError(provider, 'provider_error', 'nonce');
      // Core, section 3.1.3.7: a token for several is ours only if we are the authorized party.
      const several = Array.isArray(claims.aud) && claims.aud.length > 1;
      if (several ? claims.azp !== clientId : claims.azp !== undefined && claims.azp !== clientId)
        throw new LoginError(provider, 'provider_error', 'azp');
      const { sub } = claims;
      if (typeof sub !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(sub))
        throw new LoginError(provider, 'provider_error', 'sub');
      return { claims: { ...claims, sub }, reply };
    },
  };
};
