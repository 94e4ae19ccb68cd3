// The embedded mode's edge refuses what no service sees in the form in which services refuse.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { startEdge } from '../src/embedded/edge.ts';
import { freePort } from '../src/free-port.ts';

const page = 'https://console.example';
let port: number;
let edge: Awaited<ReturnType<typeof startEdge>>;
beforeAll(async () => {
  const [own, nobody] = [await freePort(), await freePort()];
  port = own;
  edge = await startEdge({
    region: { id: 'cn', name: 'China', corsOrigins: [page] },
    origin: `http://127.0.0.1:${port}`,
    port,
    upstreams: Object.fromEntries(serviceNames.map((name) => [name, `http://127.0.0.1:${nobody}`])) as Record<
      ServiceName,
      string
    >,
  });
});
afterAll(() => edge?.stop());

/** Sends the line as it is: a client would mend it. */
const ask = async (line: string, more: readonly string[] = []) => {
  const socket = connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  socket.write([`${line} HTTP/1.1`, 'host: edge', 'connection: close', ...more, '', ''].join('\r\n'));
  await once(socket, 'close');
  const [head = '', body = ''] = Buffer.concat(parts).toString().split('\r\n\r\n');
  const [status = '', ...lines] = head.split('\r\n');
  const headers = new Map(
    lines.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 2)]),
  );
  return { status: Number(status.split(' ')[1]), headers, body: JSON.parse(body) as Record<string, unknown> };
};

test.each([
  ['bytes that are no UTF-8', 'GET /v1/keys/%ff%fe', [], 400, 'invalid_input'],
  ['a broken escape', 'GET /v1/keys/%zz', [], 400, 'invalid_input'],
  ['a path of nobody', 'GET /v1/nothing', [], 404, 'not_found'],
  ['a method of nobody', 'PROPFIND /v1/region', [], 405, 'method_not_allowed'],
  ['too many headers', 'GET /v1/region', [`x-long: ${'x'.repeat(20_000)}`], 431, 'headers_too_large'],
  ['what a service that is away should answer', 'GET /v1/region', [], 503, 'unavailable'],
])('%s', async (_, line, more, status, code) => {
  const answer = await ask(line, [...more, `origin: ${page}`]);
  const requestId = answer.headers.get('x-request-id');
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer).toMatchObject({ status, body: { type: `urn:meridian:problem:${code}`, status, code, requestId } });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  if (status === 405) expect(answer.headers.get('allow')).toContain('GET');
  if (status === 503) expect(answer.headers.get('retry-after')).toBe('1');
  // The parser's refusal comes before any header is read.
  if (status !== 431) expect(answer.headers.get('access-control-allow-origin')).toBe(page);
  const { headers } = await ask(line, [...more, 'origin: https://evil.example']);
  expect(headers.has('access-control-allow-origin')).toBe(false);
});
