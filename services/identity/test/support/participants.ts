// The four other services as a cancellation sees them: fences and standings, each of which can be told to fail.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verificationAttemptsUsed } from '@meridian/contracts/verification.ts';

export const others = ['key-issuance', 'billing', 'verification', 'moderation'] as const;
export type Other = (typeof others)[number];

export const startParticipants = async () => {
  const down = new Set<Other>();
  const fenced: { service: Other; sagaId: string; accountId: string }[] = [];
  const balance = { currency: 'CNY', available: '0', held: '0' };
  const standings: Record<Other, () => unknown> = {
    billing: () => balance,
    'key-issuance': () => ({ activeKeys: 2 }),
    moderation: () => ({ openCase: false }),
    verification: () => ({}),
  };
  /** What verification knows: persons by account. */
  const persons = new Map<string, { name: string; number: string }>();
  const asked: { accountId: string }[] = [];
  /** Its limit, of one day that never ends. */
  const tries = new Map<string, number>();
  const answerOfVerification = (path: string, body: string) => {
    if (path.endsWith('/match')) {
      const question = JSON.parse(body) as { accountId: string; askedAs: string; name: string; number: string };
      asked.push({ accountId: question.accountId });
      tries.set(question.askedAs, (tries.get(question.askedAs) ?? 0) + 1);
      if ((tries.get(question.askedAs) ?? 0) > 10) return undefined;
      const person = persons.get(question.accountId);
      return { match: person !== undefined && person.name === question.name && person.number === question.number };
    }
    const accountId = path.split('/').at(-1) ?? '';
    const verified = persons.has(accountId);
    return { accountId, verified, kind: verified ? 'personal' : null };
  };
  const server = createServer((request, response) => {
    const [, name, ...rest] = (request.url ?? '').split('/');
    const service = others.find((one) => one === name);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer = (body: unknown) =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
      if (service === undefined || !request.headers.authorization?.startsWith('Bearer ')) {
        response.writeHead(500).end();
        return;
      }
      if (rest.join('/') === 'internal/v1/fences') {
        if (down.has(service)) {
          request.socket.destroy();
          return;
        }
        const { sagaId, accountId } = JSON.parse(Buffer.concat(chunks).toString()) as {
          sagaId: string;
          accountId: string;
        };
        fenced.push({ service, sagaId, accountId });
        answer({ sagaId, accountId, fencedAt: new Date().toISOString() });
        return;
      }
      if (service === 'verification') {
        if (down.has(service)) return void request.socket.destroy();
        const body = answerOfVerification(rest.join('/'), Buffer.concat(chunks).toString());
        if (body !== undefined) return void answer(body);
        const { code, status, title } = verificationAttemptsUsed;
        response.writeHead(status, { 'content-type': 'application/problem+json' });
        response.end(JSON.stringify({ type: 'about:blank', code, status, title, requestId: 'of-the-stub' }));
        return;
      }
      answer(standings[service]());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    urlOf: (service: Other) => `${origin}/${service}`,
    /** Services whose fence cannot be reached. */
    down,
    fenced,
    balance,
    persons,
    /** Accounts that verification was asked to match. */
    asked,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
export type Participants = Awaited<ReturnType<typeof startParticipants>>;
