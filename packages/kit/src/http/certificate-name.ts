// Who is at the other end of a mutual-TLS connection.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

// On the socket itself: a certificate is read once per connection, not once per request.
const known = Symbol('name in the client certificate');
type Known = TLSSocket & { [known]?: string };

/**
 * The common name of the client's verified certificate: the name of a service. Undefined where the listener asks for none (plain HTTP on
 * loopback, server-only TLS). A listener with mutual TLS has refused every unverified connection before.
 */
export const certificateNameOf = (socket: Socket): string | undefined => {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const connection: Known = socket;
  if (connection[known] === undefined) {
    const name = socket.getPeerCertificate().subject?.CN;
    connection[known] = typeof name === 'string' ? name : '';
  }
  return connection[known];
};
