// Binds a declared endpoint to its handler.
import { type EndpointDefinition, isInternal } from '@meridian/contracts/endpoint.ts';
import type { Answer, Context } from './handler.ts';
import type { Route } from './pipeline.ts';
import type { HttpServer } from './server.ts';

export type { Answer, Context, Handler } from './handler.ts';

/**
 * Adds `endpoint` to `server`. Params, query and body reach the handler validated and typed; its answer is checked against the
 * declaration: an undeclared status, body or problem is a 500. Throws at once if the endpoint belongs to the other listener, is
 * bound twice, or needs a verifier that the server lacks.
 */
export const route = <E extends EndpointDefinition, const A extends Answer<NoInfer<E>>>(
  server: HttpServer,
  endpoint: E,
  // `A` only keeps the literals of an answer written in place: inside a generic call they would widen to string and number.
  handler: (context: Context<NoInfer<E>>) => Promise<A>,
): void => {
  if (isInternal(endpoint) !== (server.listener === 'internal'))
    throw new Error(`Endpoint ${endpoint.id} does not belong on the ${server.listener} listener`);
  // The pipeline hands over exactly what Context<E> says: every part was parsed with the schema the type comes from.
  server.add({ endpoint, handle: handler as unknown as Route['handle'] });
};
