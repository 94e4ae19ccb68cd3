// The edge of a region, by the files that its container runs with, on a machine's own nginx: what nginx refuses by itself, before any service is asked.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openAiError } from '@meridian/contracts/openai-error.ts';
import { freePort } from '@meridian/testkit/free-port.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { findNginx, runNginx } from './gateways/nginx.ts';

const program = findNginx();
const root = new URL('../', import.meta.url).pathname;
const page = 'https://console.cn.meridian.example';
const hosts = { api: 'api.cn.localhost', model: 'model.cn.localhost' } as const;
const long = 'x'.repeat(17_000);

describeNeeding('nginx', program !== undefined, 'the edge', () => {
  const regions = mkdtempSync(join(tmpdir(), 'meridian-edge-regions-'));
  const folder = mkdtempSync(join(tmpdir(), 'meridian-edge-'));
  const services: Server[] = [];
  let port: number;
  let nginx: Awaited<ReturnType<typeof runNginx>>;
  const secret = (...path: string[]) => readFileSync(join(regions, 'cn', ...path), 'utf8');

  /** A service that refuses whatever it is asked, in its own words. */
  const startService = async (name: string) => {
    const tls = { key: secret(name, 'INTERNAL_TLS_KEY'), cert: secret(name, 'INTERNAL_TLS_CERT') };
    const words = `${name} refuses`;
    const server = createServer(tls, (request: IncomingMessage, response) =>
      request.resume().on('end', () => response.writeHead(400, { 'content-length': words.length }).end(words)),
    );
    services.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  /** What is written here goes out as it is: a client of Node's would refuse to send it. */
  const send = (host: string, head: string) =>
    new Promise<{ status: number; headers: Headers; body: string }>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, servername: host, ca: secret('ca', 'ca.crt') });
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes;
      });
      socket.on('error', reject);
      socket.on('close', () => {
        const [top = '', body = ''] = text.split('\r\n\r\n');
        const [first = '', ...lines] = top.split('\r\n');
        const headers = new Headers(lines.map((line) => line.split(': ', 2) as [string, string]));
        resolve({ status: Number(first.split(' ')[1]), headers, body });
      });
      socket.write(head);
    });
  const ask = (host: string, line: string, ...headers: string[]) =>
    send(
      host,
      [`${line} HTTP/1.1`, `Host: ${host}`, `Origin: ${page}`, 'Connection: close', ...headers, '', ''].join('\r\n'),
    );

  beforeAll(async () => {
    port = await freePort();
    const init = ['scripts/region.ts', 'init', 'cn', '--sandbox', '--port', String(port), '--into', regions];
    await promisify(execFile)(process.execPath, init, { cwd: root });
    const ports = { api: await startService('identity'), model: await startService('gateway') };
    for (const name of ['api', 'model'] as const) {
      const text = readFileSync(join(root, `infra/edge/${name}.generated.conf`), 'utf8');
      writeFileSync(
        join(folder, `${name}.generated.conf`),
        text.replaceAll('$service:4443', `127.0.0.1:${ports[name]}`),
      );
    }
    const text = readFileSync(join(root, 'infra/edge/nginx.conf'), 'utf8')
      // First, as what follows is below it.
      .replaceAll(' /tmp/', ` ${folder}/`)
      .replaceAll('/run/secrets', join(regions, 'cn', 'edge'))
      .replaceAll('/etc/meridian', folder)
      .replace('error_log /dev/stderr', 'error_log stderr')
      .replace('access_log /dev/stdout short', 'access_log off');
    // As root, nginx would hand its scratch folders to a user that cannot enter ours.
    const user = process.getuid?.() === 0 ? 'user root;\n' : '';
    writeFileSync(join(folder, 'nginx.conf'), `${user}daemon off;\n${text}`);
    nginx = await runNginx(program as string, folder, () => ask(hosts.api, 'GET /'));
  }, 60_000);
  afterAll(async () => {
    await nginx?.stop();
    for (const server of services) server.close();
    rmSync(regions, { recursive: true, force: true });
  });

  const refused = [
    { what: 'a broken escape', line: 'GET /v1/keys/%zz', status: 400, code: 'invalid_input' },
    { what: 'a preflight of a broken escape', line: 'OPTIONS /v1/keys/%zz', status: 400, code: 'invalid_input' },
    { what: 'a long address', line: `GET /v1/${long}`, status: 414, code: 'uri_too_long' },
    { what: 'TRACE', line: 'TRACE /v1/region', status: 405, code: 'method_not_allowed' },
    { what: 'a long header', line: 'GET /v1/region', more: `x-long: ${long}`, status: 431, code: 'headers_too_large' },
  ];

  test.each(refused)('refuses $what as a problem', async ({ line, more, status, code }) => {
    const { headers, body, ...answer } = await ask(hosts.api, line, ...(more ? [more] : []));
    expect(answer.status).toBe(status);
    expect(headers.get('content-type')).toBe('application/problem+json');
    const requestId = headers.get('x-request-id');
    expect(requestId).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.parse(body)).toEqual({
      type: `urn:meridian:problem:${code}`,
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
      requestId,
    });
    expect(headers.get('cache-control')).toBe('no-store');
    if (status === 405) expect(headers.get('allow')).toBe('GET, POST, PUT, PATCH, DELETE');
  });

  test.each(refused)("refuses $what at the Base URL in OpenAI's form", async ({ line, more, status, code }) => {
    const { headers, body, ...answer } = await ask(hosts.model, line, ...(more ? [more] : []));
    expect(answer.status).toBe(status);
    expect(headers.get('content-type')).toBe('application/json');
    const { error } = openAiError.parse(JSON.parse(body));
    expect(error).toMatchObject({ code, type: 'invalid_request_error', requestId: headers.get('x-request-id') });
  });

  test.each(Object.values(hosts))('%s lets pages of the region alone read what it refuses', async (host) => {
    // Of what breaks the first line nginx reads no header, so it knows no page.
    for (const [line, ...more] of [['TRACE /v1/region'], ['GET /v1/region', `x-long: ${long}`]] as const) {
      expect((await ask(host, line, ...more)).headers.get('access-control-allow-origin')).toBe(page);
      const stranger = [`${line} HTTP/1.1`, `Host: ${host}`, 'Origin: https://evil.example', 'Connection: close'];
      const told = await send(host, [...stranger, ...more, '', ''].join('\r\n'));
      expect([told.headers.get('access-control-allow-origin'), told.headers.get('vary')]).toEqual([null, 'Origin']);
    }
  });

  test('leaves what a service refuses as the service said it', async () => {
    expect(await ask(hosts.api, 'GET /v1/region')).toMatchObject({ status: 400, body: 'identity refuses' });
    expect(await ask(hosts.model, 'GET /v1/models')).toMatchObject({ status: 400, body: 'gateway refuses' });
  });

  test('knows no path of its own', async () => {
    for (const host of Object.values(hosts))
      expect(JSON.parse((await ask(host, 'GET /.refused/malformed')).body)).toMatchObject(
        host === hosts.api ? { code: 'not_found' } : { error: { code: 'not_found' } },
      );
  });
});
