import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { notFound, unauthenticated, unavailable } from '@meridian/contracts/common.ts';
import { endpoint } from '@meridian/contracts/endpoint.ts';
import { problem } from '@meridian/contracts/problem.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { pino } from 'pino';
import { Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import { fail } from './problems.ts';
import { route } from './route.ts';
import { type Address, createServer, type HttpServer, type ServerOptions } from './server.ts';

const teapot = problem('teapot', 418, 'I am a teapot');
const echo = endpoint({
  id: 'echo',
  service: 'identity',
  method: 'POST',
  path: '/v1/things/{thing}',
  summary: 'Echo',
  auth: { kind: 'none' },
  params: z.strictObject({ thing: z.string().max(20) }),
  query: z.strictObject({ times: z.coerce.number().int().min(1).max(3).default(1) }),
  body: z.strictObject({
    name: z.string().min(2).max(10),
    tags: z
      .array(z.strictObject({ label: z.string().max(5) }))
      .max(3)
      .optional(),
  }),
  answers: { 200: z.strictObject({ thing: z.string(), name: z.string(), times: z.number() }) },
  problems: [teapot],
  maxBodyBytes: 2_000,
});
const odd = endpoint({
  id: 'odd',
  service: 'identity',
  method: 'GET',
  path: '/v1/odd/{what}',
  summary: 'Misbehaves',
  auth: { kind: 'none' },
  params: z.strictObject({ what: z.string() }),
  answers: { 200: z.strictObject({ ok: z.boolean() }), 204: null, 201: 'stream' },
  problems: [teapot],
});
const raw = endpoint({
  id: 'raw',
  service: 'identity',
  method: 'POST',
  path: '/v1/raw',
  summary: 'Raw',
  auth: { kind: 'signature', scheme: 'test' },
  body: 'raw',
  answers: { 200: z.strictObject({ hex: z.string() }) },
  problems: [],
});
const bare = endpoint({
  id: 'bare',
  service: 'identity',
  method: 'POST',
  path: '/v1/bare',
  summary: 'No body',
  auth: { kind: 'none' },
  answers: { 204: null },
  problems: [],
});
const limited = endpoint({
  id: 'limited',
  service: 'identity',
  method: 'GET',
  path: '/v1/limited',
  summary: 'Limited',
  auth: { kind: 'none' },
  answers: { 204: null },
  problems: [],
  limit: { max: 2, windowSeconds: 60 },
});

const mine = endpoint({
  id: 'mine',
  service: 'identity',
  method: 'GET',
  path: '/v1/mine',
  summary: 'Needs a token',
  auth: { kind: 'user' },
  answers: { 200: z.strictObject({ ip: z.string() }) },
  problems: [],
});

const base: ServerOptions = {
  service: 'identity',
  region: 'cn',
  log: pino({ level: 'silent' }),
  metrics: { registry: new Registry() },
  now: () => new Date(),
  trustedProxies: [],
  corsOrigins: ['https://console.example'],
  listener: 'public',
  production: false,
  requestTimeoutMs: 1_000,
};

const build = async (options: ServerOptions): Promise<{ server: HttpServer; at: Address }> => {
  const server = createServer(options);
  route(server, echo, async ({ params, query, body }) => ({
    status: 200,
    body: { thing: params.thing, name: body.name, times: query.times },
  }));
  route(server, odd, async ({ params: { what } }) => {
    if (what === 'undeclared-problem') return fail(notFound);
    if (what === 'declared-problem')
      return fail(teapot, { detail: 'short and stout', retryAfter: 1.5, status: 200, extra: 5n });
    if (what === 'crash') throw new Error('select secret from hidden_table');
    if (what === 'outage') throw Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    if (what === 'reset') throw Object.assign(new Error('x'), { code: 'ECONNRESET' });
    if (what === 'full-pool') throw new Error('timeout exceeded when trying to connect');
    if (what === 'rotated-password') throw Object.assign(new Error('x'), { code: '28P01' });
    if (what === 'undeclared-status') return { status: 202, body: null } as never;
    if (what === 'wrong-body') return { status: 200, body: { ok: 'yes' } } as never;
    if (what === 'empty') return { status: 204, headers: { 'x-extra': 'e' } };
    if (what === 'stream') return { status: 201, body: 'text', headers: { 'content-type': 'text/plain' } };
    return { status: 200, body: { ok: true } };
  });
  route(server, raw, async ({ body }) => ({ status: 200, body: { hex: body.toString('hex') } }));
  route(server, bare, async () => ({ status: 204 }));
  route(server, limited, async () => ({ status: 204 }));
  return { server, at: await server.listen({ host: '127.0.0.1', port: 0 }) };
};

let server: HttpServer;
let at: Address;
beforeAll(async () => {
  ({ server, at } = await build(base));
});
afterAll(() => server.close());

const post = (
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = { 'content-type': 'application/json' },
) => fetch(`${at.url}${path}`, { method: 'POST', body, headers });
const expectProblem = async (answer: Response, status: number, code: string) => {
  const body = (await answer.json()) as Record<string, unknown>;
  expect(body).toMatchObject({
    status,
    code,
    type: `urn:meridian:problem:${code}`,
    requestId: answer.headers.get('x-request-id'),
  });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  return body;
};
const overSocket = (text: string): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(at.port, '127.0.0.1', () => socket.write(text));
  let answer = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    answer += chunk;
  });
  socket.on('close', () => resolve(answer));
  socket.on('error', reject);
  return promise;
};

describe('answers', () => {
  test('validated and typed parts reach the handler; every answer carries our request id', async () => {
    const answer = await post('/v1/things/a%20b?times=2', '{"name":"abc"}', {
      'content-type': 'application/json; charset=UTF-8',
      'x-request-id': 'mine',
    });
    expect(await answer.json()).toEqual({ thing: 'a b', name: 'abc', times: 2 });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });
  test('empty and stream answers, with headers', async () => {
    const empty = await fetch(`${at.url}/v1/odd/empty`);
    expect([empty.status, empty.headers.get('x-extra'), await empty.text()]).toEqual([204, 'e', '']);
    const stream = await fetch(`${at.url}/v1/odd/stream`);
    expect([stream.status, stream.headers.get('content-type'), await stream.text()]).toEqual([
      201,
      'text/plain',
      'text',
    ]);
  });
  test('raw bodies arrive untouched, whatever their type', async () => {
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/xml']) {
      const answer = await post('/v1/raw', new Uint8Array([0xff, 0x00, 0x7b]), { 'content-type': type });
      expect(await answer.json()).toEqual({ hex: 'ff007b' });
    }
  });
  test('a POST that takes no body accepts none or {}, and nothing else', async () => {
    expect((await fetch(`${at.url}/v1/bare`, { method: 'POST' })).status).toBe(204);
    expect((await post('/v1/bare', '{}')).status).toBe(204);
    await expectProblem(await post('/v1/bare', '{"a":1}'), 400, 'invalid_input');
  });
});

describe('declared status', () => {
  test('a declared problem keeps its status, whatever members the thrower adds', async () => {
    const answer = await fetch(`${at.url}/v1/odd/declared-problem`);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(await expectProblem(answer, 418, 'teapot')).toMatchObject({ detail: 'short and stout', extra: '5' });
  });
  test.each([
    ['undeclared-problem', 'not_found'],
    ['undeclared-status', '202'],
    ['wrong-body', '/ok'],
  ])('%s is a 500 that names the mistake outside production only', async (what, named) => {
    expect((await expectProblem(await fetch(`${at.url}/v1/odd/${what}`), 500, 'internal_error')).detail).toContain(
      named,
    );
    const production = await build({ ...base, production: true });
    const body = await (await fetch(`${production.at.url}/v1/odd/${what}`)).json();
    expect(body).not.toHaveProperty('detail');
    await production.server.close();
  });
  test('an unexpected error never shows its text; an outage is 503 with Retry-After', async () => {
    const body = await expectProblem(await fetch(`${at.url}/v1/odd/crash`), 500, 'internal_error');
    expect(JSON.stringify(body)).not.toContain('hidden_table');
    const outage = await fetch(`${at.url}/v1/odd/outage`);
    expect(outage.headers.get('retry-after')).toBe('1');
    await expectProblem(outage, 503, unavailable.code);
    for (const what of ['rotated-password', 'full-pool', 'reset'])
      await expectProblem(await fetch(`${at.url}/v1/odd/${what}`), 503, unavailable.code);
  });
});

describe('refusals', () => {
  test('all mistakes of all parts at once, by pointer', async () => {
    const body = await expectProblem(
      await post(
        `/v1/things/${'x'.repeat(30)}?times=9&y/z=1`,
        '{"name":1,"more":true,"tags":[{"label":"abc"},{"label":"toolong","~":1}]}',
      ),
      400,
      'invalid_input',
    );
    expect((body.errors as { pointer: string }[]).map((e) => e.pointer).sort()).toEqual([
      '/body/more',
      '/body/name',
      '/body/tags/1/label',
      '/body/tags/1/~0',
      '/params/thing',
      '/query/times',
      '/query/y~1z',
    ]);
  });
  test.each([
    ['not JSON', '{"name":'],
    ['an empty key of a prototype', '{"name":"abc","__proto__":{"x":1}}'],
    ['an escaped prototype', '{"name":"abc","__pr\\u006fto__":{"x":1}}'],
    ['a constructor prototype', '{"name":"abc","constructor":{"prototype":{"x":1}}}'],
    ['deep nesting', `{"name":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['NUL', '{"name":"ab\\u0000c"}'],
    ['a lone surrogate', '{"name":"ab\\ud800"}'],
  ])('%s is malformed_body', async (_, body) => {
    await expectProblem(await post('/v1/things/a', body), 400, 'malformed_body');
  });
  test('brackets inside strings are no nesting; surrogate pairs are fine', async () => {
    expect((await post('/v1/things/a', `{"name":"[[[[[\\"[[","tags":[]}`)).status).toBe(200);
    expect((await post('/v1/things/a', '{"name":"a\\ud83d\\ude00b"}')).status).toBe(200);
  });
  test('invalid UTF-8 is refused, not replaced', async () => {
    await expectProblem(
      await post('/v1/things/a', new Uint8Array([...Buffer.from('{"name":"ab'), 0xff, ...Buffer.from('"}')])),
      400,
      'malformed_body',
    );
  });
  test.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/json; charset=latin1'],
    ['garbage'],
    ['application/jsonx'],
  ])('content type %s is 415', async (type) => {
    await expectProblem(
      await post('/v1/things/a', '{"name":"abc"}', { 'content-type': type }),
      415,
      'unsupported_media_type',
    );
  });
  test('a compressed body is 415; a missing one is invalid_input at /body', async () => {
    await expectProblem(
      await post('/v1/things/a', 'x', { 'content-type': 'application/json', 'content-encoding': 'gzip' }),
      415,
      'unsupported_media_type',
    );
    await expectProblem(await fetch(`${at.url}/v1/things/a`, { method: 'POST' }), 400, 'invalid_input');
  });
  test('404, 405 with Allow, 413, 414', async () => {
    await expectProblem(await fetch(`${at.url}/v1/nothing`), 404, 'not_found');
    for (const method of ['GET', 'DELETE', 'PUT', 'PATCH']) {
      const answer = await fetch(`${at.url}/v1/things/a`, {
        method,
        ...(method !== 'GET' && { body: 'not json', headers: { 'content-type': 'application/json' } }),
      });
      expect(answer.headers.get('allow')).toBe('POST');
      await expectProblem(answer, 405, 'method_not_allowed');
    }
    expect((await fetch(`${at.url}/v1/things/a`, { method: 'HEAD' })).status).toBe(405);
    await expectProblem(await post('/v1/things/a', `{"name":"${'x'.repeat(3_000)}"}`), 413, 'body_too_large');
    await expectProblem(await fetch(`${at.url}/v1/odd/a?q=${'x'.repeat(9_000)}`), 414, 'uri_too_long');
    await expectProblem(await fetch(`${at.url}/v1/odd/${'x'.repeat(300)}`), 414, 'uri_too_long');
  });
  test('bad percent-encoding and NUL in the address', async () => {
    await expectProblem(await fetch(`${at.url}/v1/odd/%ff`), 400, 'invalid_input');
    await expectProblem(await fetch(`${at.url}/v1/odd/a%00b`), 400, 'invalid_input');
    await expectProblem(await post('/v1/things/a?times=%00', '{"name":"abc"}'), 400, 'invalid_input');
    await expectProblem(await post('/v1/things/a?__proto__=1', '{"name":"abc"}'), 400, 'invalid_input');
  });
  test('what the parser refuses is a problem too: 431, 400, 408', async () => {
    const flood = await overSocket(`GET /livez HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(5_000)}\r\n`);
    expect(flood).toMatch(/^HTTP\/1.1 431 .*application\/problem\+json.*"code":"headers_too_large"/s);
    expect(await overSocket('GARBAGE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"code":"invalid_input"/s);
    expect(
      await overSocket(
        'POST /v1/things/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"na',
      ),
    ).toMatch(/^HTTP\/1.1 408 .*"code":"request_timeout"/s);
  });
  test('the flood guard is 429 with Retry-After', async () => {
    for (let i = 0; i < 2; i++) expect((await fetch(`${at.url}/v1/limited`)).status).toBe(204);
    const answer = await fetch(`${at.url}/v1/limited`);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    await expectProblem(answer, 429, 'rate_limited');
    expect([...answer.headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
  });
});

describe('browsers', () => {
  test('a known origin gets its preflight with credentials; an unknown one gets no permission', async () => {
    const ask = (origin: string) =>
      fetch(`${at.url}/v1/things/a`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    const known = await ask('https://console.example');
    expect([
      known.status,
      known.headers.get('access-control-allow-origin'),
      known.headers.get('access-control-allow-credentials'),
    ]).toEqual([204, 'https://console.example', 'true']);
    expect((await ask('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });
  test('problems are readable by a known origin', async () => {
    const answer = await fetch(`${at.url}/v1/odd/declared-problem`, { headers: { origin: 'https://console.example' } });
    expect(answer.headers.get('access-control-expose-headers')).toContain('x-request-id');
    await expectProblem(answer, 418, 'teapot');
  });
});

describe('health', () => {
  test('livez, readyz with named checks, draining; metrics only inside', async () => {
    const registry = new Registry();
    const httpDuration = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'h',
      labelNames: ['method', 'route', 'status'],
      registers: [registry],
    });
    const inner = createServer({ ...base, listener: 'internal', metrics: { registry, httpDuration } });
    let well = true;
    inner.addCheck('database', async () => {
      if (!well) throw new Error('no');
    });
    const { url } = await inner.listen({ host: '127.0.0.1', port: 0 });
    const ready = async () => {
      const answer = await fetch(`${url}/readyz`);
      return [answer.status, await answer.json()];
    };
    expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: 'alive' });
    expect(await ready()).toEqual([200, { status: 'ready', checks: { database: 'ok' } }]);
    well = false;
    expect(await ready()).toEqual([503, { status: 'not_ready', checks: { database: 'failed' } }]);
    well = true;
    inner.drain();
    expect(await ready()).toEqual([503, { status: 'not_ready', checks: { database: 'ok' } }]);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('http_request_duration_seconds');
    expect((await fetch(`${at.url}/metrics`)).status).toBe(404);
    await inner.close();
  });
});

test('closing lets a running request finish and accepts no new connection', async () => {
  const closing = createServer(base);
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  route(closing, bare, async () => {
    entered.resolve();
    await gate.promise;
    return { status: 204 };
  });
  const { url } = await closing.listen({ host: '127.0.0.1', port: 0 });
  const running = fetch(`${url}/v1/bare`, { method: 'POST' });
  await entered.promise;
  const closed = closing.close();
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
  gate.resolve();
  expect((await running).status).toBe(204);
  await closed;
});

describe('who is calling', () => {
  const withMine = async (options: Partial<ServerOptions>) => {
    const verifyUser = async (token: string) =>
      token === 'good' ? { accountId: 'a', sessionId: 's' } : fail(unauthenticated);
    const own = createServer({ ...base, verifyUser, ...options });
    route(own, mine, async ({ ip }) => ({ status: 200, body: { ip } }));
    const { url } = await own.listen({ host: '127.0.0.1', port: 0 });
    const ask = (headers: Record<string, string>) => fetch(`${url}/v1/mine`, { headers });
    return { own, ask, ipOf: async (forwarded: string) => ipIn(await ask({ ...token, 'x-forwarded-for': forwarded })) };
  };
  const token = { authorization: 'Bearer good' };
  const ipIn = async (answer: Response) => ((await answer.json()) as { ip: string }).ip;

  test.each([
    ['nobody is trusted', [], '203.0.113.7', '127.0.0.1'],
    ['the connection comes from elsewhere than the proxies', ['10.0.0.0/8'], '203.0.113.7', '127.0.0.1'],
    ['the proxy is trusted', ['127.0.0.1'], '203.0.113.7', '203.0.113.7'],
    ['the client sends one of its own through the proxy', ['127.0.0.1'], '198.51.100.1, 203.0.113.7', '203.0.113.7'],
    ['two proxies are trusted', ['127.0.0.1', '10.0.0.0/8'], '198.51.100.1, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
  ])('X-Forwarded-For where %s', async (_, trustedProxies, forwarded, ip) => {
    const { own, ipOf } = await withMine({ trustedProxies });
    expect(await ipOf(forwarded)).toBe(ip);
    await own.close();
  });

  test.each([
    ['no token', {}],
    ['a bad one', { authorization: 'Bearer bad' }],
    ['another scheme', { authorization: 'Basic YTpi' }],
  ])('%s is a 401 that names its challenge', async (_, headers) => {
    const { own, ask } = await withMine({});
    const answer = await ask(headers as Record<string, string>);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    await expectProblem(answer, 401, 'unauthenticated');
    await own.close();
  });
});

test('a process that does not keep up refuses with 503 and Retry-After, and still tells that it lives', async () => {
  const slow = await build({ ...base, maxEventLoopDelayMs: 1 });
  const block = () => {
    const until = performance.now() + 30;
    while (performance.now() < until);
  };
  const busy = setInterval(block, 1);
  try {
    // The delay is a mean over the second before.
    const answer = await waitFor(async () => {
      const given = await fetch(`${slow.at.url}/v1/bare`, { method: 'POST' });
      return given.status === 204 ? undefined : given;
    });
    expect(answer.headers.get('retry-after')).toBe('2');
    await expectProblem(answer, 503, 'unavailable');
    for (const path of ['/livez', '/readyz']) expect((await fetch(slow.at.url + path)).status).toBe(200);
  } finally {
    clearInterval(busy);
    await slow.server.close();
  }
});

test('a connection that its client never used does not keep the server from closing, and one in use is served', async () => {
  const closing = createServer(base);
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  route(closing, bare, async () => {
    entered.resolve();
    await gate.promise;
    return { status: 204 };
  });
  const { url, port } = await closing.listen({ host: '127.0.0.1', port: 0 });
  const unused = connect(port, '127.0.0.1');
  await new Promise((resolve) => unused.once('connect', resolve));
  const ended = new Promise((resolve) => unused.once('close', resolve));
  const running = fetch(`${url}/v1/bare`, { method: 'POST' });
  await entered.promise;
  const closed = closing.close();
  await ended;
  gate.resolve();
  expect((await running).status).toBe(204);
  await closed;
});

describe('declaration mistakes stop the start', () => {
  test('double binding, wrong listener, missing verifier, idempotent without a database', () => {
    const fresh = createServer(base);
    const user = endpoint({ ...bare, id: 'user', path: '/v1/user', auth: { kind: 'user' } });
    route(fresh, bare, async () => ({ status: 204 }));
    expect(() => route(fresh, bare, async () => ({ status: 204 }))).toThrow('bound already');
    expect(() => route(fresh, endpoint({ ...bare, path: '/internal/v1/x' }), async () => ({ status: 204 }))).toThrow(
      'public listener',
    );
    expect(() => route(fresh, user, async () => ({ status: 204 }))).toThrow('verifyUser');
    const verifyUser = async () => ({ accountId: 'a', sessionId: 's' });
    const bind = (options: Partial<ServerOptions>, declared: typeof bare, change: object) =>
      route(createServer({ ...base, ...options }), endpoint({ ...declared, ...change }), async () => ({ status: 204 }));
    const asUser = { path: '/v1/i', auth: { kind: 'user' } };
    expect(() => bind({ verifyUser }, bare, { ...asUser, idempotent: true })).toThrow('database for keys');
    const idempotency = { read: {} };
    expect(() => bind({ verifyUser, idempotency }, bare, { idempotent: true })).toThrow('no identity');
    const streaming = { ...asUser, idempotent: true, answers: { 204: null, 200: 'stream' } };
    expect(() => bind({ verifyUser, idempotency }, bare, streaming)).toThrow('replayed');
  });
});
