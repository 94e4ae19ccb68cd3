// Calls between services: a token of this service, and retries where a repeated call cannot do harm.
import { setTimeout as wait } from 'node:timers/promises';
import { type CallAnswer, type CallOptions, call } from '@meridian/client/client.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import type { ServiceTokens } from '../auth/service-tokens.ts';
import { errorCode } from '../error-code.ts';

export type ServiceCall = <E extends EndpointDefinition>(
  endpoint: E,
  options: CallOptions<E> & {
    /** For writes whose callee recognises a repetition (an idempotency key, a saga id). GET is always repeated. */
    readonly repeatable?: boolean;
  },
) => Promise<CallAnswer<E>>;

/** First try included. */
const maxTries = 3;
const transient = new Set(['unreachable', 'timeout', 'unavailable']);

/**
 * Mints the token per try and retries a transient failure at most twice, after 50 and 100 ms with jitter. A try that ran into its
 * timeout counts too: the caller waits at most 3 x timeoutMs (default 10 s each), less if `signal` ends it.
 */
export const createServiceCall = (deps: { tokens: ServiceTokens }): ServiceCall => {
  return async (endpoint, options) => {
    const tries = endpoint.method === 'GET' || options.repeatable === true ? maxTries : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await call(endpoint, { ...options, token: await deps.tokens.tokenFor(endpoint.service) });
      } catch (error) {
        if (attempt >= tries || !transient.has(errorCode(error) ?? '') || options.signal?.aborted) throw error;
        await wait(50 * attempt * (0.5 + Math.random()), undefined, { signal: options.signal });
      }
    }
  };
};
