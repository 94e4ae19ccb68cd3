// Signatures are over the exact bytes, so the signed parts take every body as a Buffer and parse it after verification.
import type { FastifyInstance, FastifyRequest } from 'fastify';

const limitBytes = 256 * 1024;

/** Within `scope`, every body of any media type arrives as a Buffer (empty if there is none). */
export const takeRawBodies = (scope: FastifyInstance) => {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: limitBytes }, (_request, body, done) =>
    done(null, body),
  );
};

export const rawBodyOf = (request: FastifyRequest) => (Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));

/** The JSON value of a body, or undefined if it is not JSON. */
export const parseJson = (body: Buffer | string): unknown => {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined; // The caller answers in its own protocol's error form.
  }
};

export const headerOf = (request: FastifyRequest, name: string) => {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
};
