// Stand-ins of the two services billing asks: what they answer is set by the test.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const startNeighbours = async () => {
  const verified = new Map<string, 'personal' | 'enterprise'>();
  const emails = new Map<string, string>();
  const state = { down: false, asked: [] as string[], sessionsEnded: false, restrictedUntil: null as string | null };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path !== '/internal/v1/introspect') state.asked.push(path);
    const accountId = /acc_[a-z]+_[0-9A-Z]{26}/.exec(path)?.[0] ?? '';
    const kind = verified.get(accountId) ?? null;
    if (path === '/internal/v1/introspect') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      return void request.on('end', () => {
        const { token } = JSON.parse(Buffer.concat(chunks).toString()) as { token: string };
        const { sub, sid } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
          string,
          string
        >;
        const standing = { active: true, sub, sid, token_type: 'Bearer', restricted_until: state.restrictedUntil };
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify(state.sessionsEnded ? { active: false } : standing));
      });
    }
    if (state.down) return void request.socket.destroy();
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
