import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { endpoint } from '@meridian/contracts/endpoint.ts';
import { z } from 'zod';
import { addressOf, call } from './client.ts';

const getThing = endpoint({
  id: 'getThing',
  service: 'billing',
  method: 'GET',
  path: '/v1/things/{thing}/parts/{part}',
  summary: 's',
  auth: { kind: 'none' },
  params: z.strictObject({ thing: z.string(), part: z.string() }),
  query: z.strictObject({ limit: z.coerce.number().default(5), tag: z.array(z.string()).optional() }),
  answers: { 200: z.strictObject({ name: z.string() }), 202: null },
  problems: [],
});
const putThing = endpoint({
  id: 'putThing',
  service: 'billing',
  method: 'PUT',
  path: '/v1/things',
  summary: 's',
  auth: { kind: 'user' },
  idempotent: true,
  body: z.strictObject({ name: z.string() }),
  answers: { 200: 'stream' },
  problems: [],
});

let server: Server;
let baseUrl: string;
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
beforeEach(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    answer(request, response, Buffer.concat(chunks).toString());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const reply = (status: number, body: string, headers: Record<string, string> = {}) => {
  answer = (_, response) => response.writeHead(status, headers).end(body);
};
const get = () => call(getThing, { baseUrl, params: { thing: 'a', part: 'b' } });

describe('call', () => {
  test('address, headers and body are made from the parts; the answer is told apart by status', async () => {
    const seen: unknown[] = [];
    answer = (request, response, body) => {
      seen.push(
        request.method,
        request.url,
        request.headers.authorization,
        request.headers['idempotency-key'],
        request.headers['content-type'],
        body,
      );
      response.end('done');
    };
    const done = await call(putThing, { baseUrl: `${baseUrl}/`, body: { name: 'n' }, token: 't', idempotencyKey: 'k' });
    expect(Buffer.from(done.body).toString()).toBe('done');
    expect(seen).toEqual(['PUT', '/v1/things', 'Bearer t', 'k', 'application/json', '{"name":"n"}']);
    reply(200, '{"name":"x"}');
    const found = await get();
    expect(found.status === 200 ? found.body.name : found.body).toBe('x');
    reply(202, '');
    expect(await get()).toMatchObject({ status: 202, body: null });
  });
  test('a parameter cannot leave its segment; query members repeat', () => {
    const path = (thing: string) =>
      new URL(addressOf(getThing, 'http://h', { thing, part: 'p' }, { limit: 2, tag: ['a', 'b&c'] }));
    expect(path('a/../b?c#d').pathname).toBe('/v1/things/a%2F..%2Fb%3Fc%23d/parts/p');
    expect(path('..').pathname).not.toBe('/v1/parts/p');
    expect(path('x').search).toBe('?limit=2&tag=a&tag=b%26c');
    expect(() => addressOf(getThing, 'http://h', { thing: 'a' })).toThrow('part');
  });
  test('a problem is thrown with code, status and Retry-After', async () => {
    reply(
      429,
      JSON.stringify({ type: 'urn:x', title: 't', status: 429, code: 'rate_limited', requestId: 'r', detail: 'd' }),
      { 'retry-after': '7' },
    );
    await expect(get()).rejects.toMatchObject({
      code: 'rate_limited',
      status: 429,
      retryAfter: 7,
      problem: { requestId: 'r' },
      message: 'getThing: 429 rate_limited: d',
    });
  });
  test.each([
    ['a page of a proxy', 502, '<html>'],
    ['an undeclared status', 204, ''],
    ['a redirect', 302, ''],
    ['a body that does not fit', 200, '{"name":1}'],
    ['no JSON', 200, 'x'],
  ])('%s is bad_answer', async (_, status, body) => {
    reply(status, body, { location: 'http://127.0.0.1:1/' });
    await expect(get()).rejects.toMatchObject({ code: 'bad_answer' });
  });
  test('an answer larger than the bound is given up', async () => {
    reply(200, JSON.stringify({ name: 'x'.repeat(10_000) }));
    await expect(
      call(getThing, { baseUrl, params: { thing: 'a', part: 'b' }, maxAnswerBytes: 1_000 }),
    ).rejects.toMatchObject({ code: 'bad_answer' });
  });
  test('timeout, also in the middle of the answer; abort; nobody there', async () => {
    answer = () => undefined;
    await expect(call(getThing, { baseUrl, params: { thing: 'a', part: 'b' }, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
    });
    answer = (_, response) => response.writeHead(200).write('{"na');
    await expect(call(getThing, { baseUrl, params: { thing: 'a', part: 'b' }, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
    });
    const controller = new AbortController();
    const aborted = call(getThing, { baseUrl, params: { thing: 'a', part: 'b' }, signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    await expect(
      call(getThing, { baseUrl: 'http://127.0.0.1:1', params: { thing: 'a', part: 'b' } }),
    ).rejects.toMatchObject({ code: 'unreachable' });
  });
});
