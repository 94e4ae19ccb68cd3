// A TCP proxy whose faults a test commands: connections cut or fallen silent, answers swallowed, no new connections.

import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

export type TcpProxy = {
  readonly port: number;
  /** Cuts every connection; answers how many. */
  cut(): number;
  /** The connections there are stay open and carry nothing any more, as if their host had vanished; new ones work. */
  silence(): void;
  /** The next answer on each connection there is breaks off in the middle, and the connection with it. */
  tear(): void;
  /** While true, requests pass and answers are thrown away. */
  swallowAnswers: boolean;
  /** While true, new connections are closed at once and existing ones are cut. */
  setDown(down: boolean): void;
  close(): Promise<void>;
};

/** Listens on 127.0.0.1:`port` and forwards to `target`. */
export const startTcpProxy = async (options: { port?: number; target: NetConnectOpts }): Promise<TcpProxy> => {
  const { port = 0, target } = options;
  const pairs = new Set<[Socket, Socket]>();
  const torn = new Set<[Socket, Socket]>();
  let down = false;
  const server = createServer((client) => {
    if (down) return void client.destroy();
    const upstream = connect(target);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      torn.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    // A write before the connection is there would add a listener each time.
    client.pause();
    upstream.once('connect', () => client.resume());
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (proxy.swallowAnswers) return;
      if (!torn.has(pair)) return void client.write(data);
      client.end(data.subarray(0, Math.ceil(data.length / 2)));
      upstream.destroy();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    const count = pairs.size;
    for (const [client, upstream] of [...pairs]) {
      client.destroy();
      upstream.destroy();
    }
    return count;
  };
  const address = server.address();
  const proxy: TcpProxy = {
    port: address && typeof address === 'object' ? address.port : port,
    cut,
    silence: () => {
      for (const socket of [...pairs].flat()) socket.pause();
    },
    tear: () => {
      for (const pair of pairs) torn.add(pair);
    },
    swallowAnswers: false,
    setDown: (to) => {
      down = to;
      if (down) cut();
    },
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
};
