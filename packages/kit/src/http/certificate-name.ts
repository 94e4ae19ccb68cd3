// Who is at the other end of a mutual-TLS connection.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

const nameOn = (socket: TLSSocket): string => {
  const name = socket.getPeerCertificate().subject?.CN;
  return typeof name === 'string' ? name : '';
};

/**
 * Reads the common name of the client's verified certificate: the name of a service. Undefined where the listener asks for none (plain HTTP on
 * loopback, server-only TLS); a listener with mutual TLS has refused every unverified connection before. A connection keeps its certificate, so
 * it is read once: parsing costs more than all else that is done to know the caller.
 */
export const createCertificateNames = (): ((socket: Socket) => string | undefined) => {
  const known = new WeakMap<Socket, string>();
  return (socket) => {
    if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
    const name = known.get(socket) ?? nameOn(socket);
    known.set(socket, name);
    return name;
  };
};
