// Asks identity about an access token before an operation that a session ended a moment ago must not pass (RFC 7662).
import type { CallAnswer, CallOptions } from '@meridian/client/client.ts';
import { accountRestricted, unauthenticated } from '@meridian/contracts/common.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { introspectToken } from '@meridian/contracts/identity.ts';
import { fail } from '../http/problems.ts';

type ServiceCall = <E extends EndpointDefinition>(endpoint: E, options: CallOptions<E>) => Promise<CallAnswer<E>>;

/** Fails closed: an identity that does not answer within 3 s is a 503. */
export const createIntrospection =
  ({ call, identityUrl }: { call: ServiceCall; identityUrl: string }) =>
  async (token: string): Promise<void> => {
    const { body } = await call(introspectToken, { baseUrl: identityUrl, body: { token }, timeoutMs: 3_000 });
    if (!body.active) return fail(unauthenticated, { detail: 'The session has ended; sign in again' });
    if (body.restricted_until !== null)
      fail(accountRestricted, { detail: `Possible again at ${body.restricted_until}`, until: body.restricted_until });
  };
