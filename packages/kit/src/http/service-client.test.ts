import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { endpoint } from '@meridian/contracts/endpoint.ts';
import { createServiceCall } from './service-client.ts';

const read = endpoint({
  id: 'read',
  service: 'billing',
  method: 'GET',
  path: '/internal/v1/x',
  summary: 's',
  auth: { kind: 'service', callers: ['gateway'] },
  answers: { 204: null },
  problems: [],
});
const write = endpoint({ ...read, id: 'write', method: 'POST' });

test('GET and repeatable writes are tried three times at most, other writes once, a refusal once', async () => {
  let tries = 0;
  let failures = 0;
  let code = 'unavailable';
  const server = createServer((request, response) => {
    tries += 1;
    expect(request.headers.authorization).toBe('Bearer for-billing');
    if (tries > failures) return response.writeHead(204).end();
    return response.writeHead(503).end(JSON.stringify({ type: 't', title: 't', status: 503, code, requestId: 'r' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = createServiceCall({ tokens: { tokenFor: async (audience) => `for-${audience}` } });
  const attempt = async (failing: number, run: () => Promise<unknown>) => {
    tries = 0;
    failures = failing;
    const outcome = await run().then(
      () => 'well',
      (error: { code: string }) => error.code,
    );
    return [outcome, tries];
  };
  expect(await attempt(2, () => call(read, { baseUrl }))).toEqual(['well', 3]);
  expect(await attempt(9, () => call(read, { baseUrl }))).toEqual(['unavailable', 3]);
  expect(await attempt(1, () => call(write, { baseUrl }))).toEqual(['unavailable', 1]);
  expect(await attempt(1, () => call(write, { baseUrl, repeatable: true }))).toEqual(['well', 2]);
  code = 'forbidden';
  expect(await attempt(1, () => call(read, { baseUrl }))).toEqual(['forbidden', 1]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
