// Stand-ins of the two services billing asks: what they answer is set by the test.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const startNeighbours = async () => {
  const verified = new Map<string, 'personal' | 'enterprise'>();
  const emails = new Map<string, string>();
  const state = { down: false, asked: [] as string[] };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    state.asked.push(path);
    if (state.down) return void request.socket.destroy();
    const accountId = /acc_[a-z]+_[0-9A-Z]{26}/.exec(path)?.[0] ?? '';
    const kind = verified.get(accountId) ?? null;
    const body = path.startsWith('/internal/v1/verifications/')
      ? { accountId, verified: kind !== null, kind }
      : { email: emails.get(accountId) ?? null };
    // Without a service token nobody is asked anything.
    const allowed = request.headers.authorization?.startsWith('Bearer ');
    response.writeHead(allowed ? 200 : 500, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    verified,
    emails,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
