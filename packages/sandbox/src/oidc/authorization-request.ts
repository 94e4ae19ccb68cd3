// Checks an authorization request: RFC 6749 section 4.1, PKCE (RFC 7636, S256 only), exact redirect URIs.

export type Client = { clientId: string; clientSecret: string; redirectUris: Set<string> };
export type AuthorizationRequest = {
  client: Client;
  redirectUri: string;
  state: string | undefined;
  nonce: string | undefined;
  challenge: string;
};
export type Checked =
  | { kind: 'ok'; request: AuthorizationRequest }
  /** The client or its address is in doubt: the answer must not be sent there. */
  | { kind: 'refused'; reason: string }
  | { kind: 'error'; redirectUri: string; state: string | undefined; error: string; description: string };

const knownParameters = [
  'client_id',
  'redirect_uri',
  'response_type',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
] as const;
export type Parameters = Record<string, unknown>;

/** The parameters that the choosing page must send back with the choice. */
export const carried = (parameters: Parameters) =>
  knownParameters.flatMap((name) => (typeof parameters[name] === 'string' ? [[name, parameters[name]] as const] : []));

export const checkAuthorization = (parameters: Parameters, clients: Client[]): Checked => {
  const text = (name: string) =>
    typeof parameters[name] === 'string' && parameters[name] !== '' ? parameters[name] : undefined;
  const client = clients.find((c) => c.clientId === text('client_id'));
  if (!client) return { kind: 'refused', reason: 'This client is not registered.' };
  const redirectUri = text('redirect_uri');
  if (!redirectUri || !client.redirectUris.has(redirectUri))
    return {
      kind: 'refused',
      reason:
        'This redirect URI is not registered for the client. Register it with PUT /control/oidc/redirect-uris/{region}.',
    };
  const state = text('state');
  const error = (code: string, description: string): Checked => ({
    kind: 'error',
    redirectUri,
    state,
    error: code,
    description,
  });
  if (text('response_type') !== 'code') return error('unsupported_response_type', 'Only response_type=code is offered');
  if (!text('scope')?.split(' ').includes('openid')) return error('invalid_scope', 'The scope must contain openid');
  const challenge = text('code_challenge');
  if (!challenge || text('code_challenge_method') !== 'S256' || !/^[A-Za-z0-9_-]{43}$/.test(challenge))
    return error('invalid_request', 'PKCE with S256 is required');
  return { kind: 'ok', request: { client, redirectUri, state, nonce: text('nonce'), challenge } };
};
