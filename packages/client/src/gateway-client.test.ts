import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createGatewayClient, type GatewayClient } from './gateway-client.ts';

const accountId = 'acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const keyId = 'key_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const requestId = 'req_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const ruleId = 'rul_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV';
const deadline = '2026-01-01T00:00:00.000Z';
const usage = { promptTokens: 3, cachedTokens: 0, completionTokens: 5 };
const hold = { requestId, held: '7', currency: 'CNY', deadline };

let seen: { line: string; token: string; body: unknown }[] = [];
let answer: { status: number; body?: unknown };
const servers: Record<string, Server> = {};
let client: GatewayClient;

const serve = async (name: string) => {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    seen.push({
      line: `${name} ${request.method} ${request.url}`,
      token: request.headers.authorization ?? '',
      body: text === '' ? undefined : JSON.parse(text),
    });
    response.writeHead(answer.status).end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  });
  servers[name] = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
beforeAll(async () => {
  client = createGatewayClient({
    addresses: {
      'key-issuance': await serve('key-issuance'),
      billing: await serve('billing'),
      moderation: await serve('moderation'),
    },
    tokenFor: async (audience) => `token-for-${audience}`,
  });
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  for (const server of Object.values(servers)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

type Case = {
  readonly name: string;
  readonly run: () => Promise<unknown>;
  readonly line: string;
  readonly asks?: unknown;
  readonly answers: { status: number; body?: unknown };
};
const verify = {
  key: 'k',
  product: 'payg',
  model: 'm',
  endpoint: 'chat/completions',
  ip: '192.0.2.1',
  tokensEstimate: 9,
} as const;
const request = { requestId, accountId, keyId, model: 'm', promptTokensBound: 10, completionWindow: 20 };
const report = { requestId, accountId, keyId, model: 'm', reservedAt: deadline, tokensReserved: 9, tokensUsed: 4 };
const score = { accountId, requestId, hits: [{ ruleId, version: 1, fingerprint: 'ab'.repeat(32), offset: 4 }] };

const cases: Case[] = [
  {
    name: 'verify',
    run: () => client.verify(verify),
    line: 'key-issuance POST /internal/v1/keys/verify',
    asks: verify,
    answers: {
      status: 200,
      body: { valid: true, accountId, keyId, product: 'payg', position: '7', reservedAt: deadline },
    },
  },
  {
    name: 'match',
    run: () => client.match(['a', 'b']),
    line: 'moderation POST /internal/v1/matches',
    asks: { texts: ['a', 'b'] },
    answers: { status: 200, body: { hits: [] } },
  },
  {
    name: 'score',
    run: () => client.score(score),
    line: 'moderation POST /internal/v1/scores',
    asks: score,
    answers: { status: 200, body: { verdict: 'pass' } },
  },
  {
    name: 'hold',
    run: () => client.hold(request),
    line: 'billing POST /internal/v1/holds',
    asks: request,
    answers: { status: 201, body: hold },
  },
  {
    name: 'extend',
    run: () => client.extend(requestId, { soFar: usage, completionWindow: 20 }),
    line: `billing POST /internal/v1/holds/${requestId}/extend`,
    asks: { soFar: usage, completionWindow: 20 },
    answers: { status: 200, body: hold },
  },
  {
    name: 'settle',
    run: () => client.settle(requestId, { usage, outcome: 'interrupted' }),
    line: `billing POST /internal/v1/holds/${requestId}/settle`,
    asks: { usage, outcome: 'interrupted' },
    answers: { status: 200, body: { requestId, amount: '5', currency: 'CNY', available: '9' } },
  },
  {
    name: 'release',
    run: () => client.release(requestId),
    line: `billing POST /internal/v1/holds/${requestId}/release`,
    asks: {},
    answers: { status: 204 },
  },
  {
    name: 'reportUsage',
    run: () => client.reportUsage(report),
    line: 'key-issuance POST /internal/v1/keys/usage',
    asks: report,
    answers: { status: 204 },
  },
];

describe.each(cases)('$name', ({ run, line, asks, answers }) => {
  test('asks the right service, as the gateway, and hands on what it answers', async () => {
    answer = answers;
    expect(await run()).toEqual(answers.body ?? null);
    const [service] = line.split(' ');
    expect(seen).toEqual([{ line, token: `Bearer token-for-${service}`, body: asks }]);
  });

  test('throws a refusal with its code and does not repeat', async () => {
    const problem = { type: 'urn:x', title: 't', code: 'insufficient_balance', requestId: 'r' };
    answer = { status: 402, body: { ...problem, status: 402 } };
    await expect(run()).rejects.toMatchObject({ status: 402, code: 'insufficient_balance' });
    expect(seen).toHaveLength(1);
  });
});

test('changes are asked for with the position of the answer before', async () => {
  answer = { status: 200, body: { position: '41', changes: [] } };
  const stopping = new AbortController();
  const following = client.changes({
    onChanges: () => undefined,
    onSilence: () => undefined,
    signal: stopping.signal,
  });
  await following.ready;
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  stopping.abort();
  await following.ended;
  expect(seen.slice(0, 2).map(({ line, token }) => `${line} ${token}`)).toEqual([
    'key-issuance GET /internal/v1/keys/changes?wait=5 Bearer token-for-key-issuance',
    'key-issuance GET /internal/v1/keys/changes?wait=5&after=41 Bearer token-for-key-issuance',
  ]);
});
