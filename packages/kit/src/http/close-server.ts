// Closing a listener: running requests finish in the time they are given, every other connection ends at once.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

const sweepMs = 50;
/** For a request that is on its way when closing begins. */
const graceMs = 500;

// Under TLS a request comes on a socket of its own above that of the connection; both name the same peer.
const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;

/** To be made before the server listens. */
export const createCloser = (app: Pick<FastifyInstance, 'server' | 'close'>) => {
  const { server } = app;
  // Node does not count a connection as idle before its first request: one that a client opened and never used (undici's pools do that) would
  // hold the server for as long as a request may take to arrive.
  const unused = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    unused.set(peer, socket);
    socket.once('close', () => {
      if (unused.get(peer) === socket) unused.delete(peer);
    });
  });
  server.on('request', ({ socket }: IncomingMessage) => unused.delete(peerOf(socket)));

  return async (withinMs?: number): Promise<void> => {
    const began = performance.now();
    const sweep = setInterval(() => {
      // One whose last answer leaves after closing began would idle until its keep-alive ends (72 s), past any stop deadline.
      server.closeIdleConnections();
      if (performance.now() - began >= graceMs) for (const socket of unused.values()) socket.destroy();
    }, sweepMs);
    // A request that arrives byte by byte, or an answer that is not read, must not hold up what is stopped after HTTP.
    const cut =
      withinMs === undefined ? undefined : setTimeout(() => server.closeAllConnections(), Math.max(1, withinMs));
    try {
      await app.close();
    } finally {
      clearInterval(sweep);
      clearTimeout(cut);
    }
  };
};
