// What npm start prints when it is ready, and how Ctrl-C ends it: once in good order, twice at once.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { regionPorts } from '@meridian/testkit/embedded/ports.ts';
import { ready, startedCopies, stillThere, untilSaid } from '../../tests/support/started-copy.ts';
import { processTree } from '../bench/process-memory.ts';

const { begin, newFolder, clear } = startedCopies();
afterEach(clear, 60_000);

/** Ends the answer to a HEAD. */
const marker = '\r\n\r\n';

/** A second press within this time is taken for the same one, passed on by npm (scripts/run.mjs). */
const samePressMs = 500;

/** A request for a code of which only half has arrived, so that it is in flight for as long as the test likes. */
const halfRequest = async (port: number) => {
  const body = JSON.stringify({ identifier: { kind: 'phone', value: '+8613800001234' }, purpose: 'login' });
  const socket = connect(port, '127.0.0.1');
  let text = '';
  const answered = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    text += chunk.toString();
    if (text.endsWith(marker)) answered.resolve();
  });
  socket.on('error', () => undefined); // The second Ctrl-C cuts it off.
  const ended = new Promise<string>((resolve) =>
    socket.once('close', () => {
      answered.reject(new Error(`closed before the request was in flight: ${text}`));
      resolve(text.slice(text.indexOf(marker) + marker.length));
    }),
  );
  // Behind another request on the same connection: when that one is answered, this one has been read.
  socket.write(
    `HEAD /docs/page.js HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\nPOST /v1/codes HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body.slice(0, 20)}`,
  );
  await answered.promise;
  return { finish: () => void socket.write(body.slice(20)), ended };
};

test('the ready lines hold the addresses that answer; Ctrl-C lets a request in flight finish, a second one does not', async () => {
  const dataDir = newFolder();
  const first = await ready(await begin({ dataDir }));
  const lines = [
    ...first.output().matchAll(/^ready (\w+): API (\S+) · reference (\S+) · Base URL (\S+) · inbox (\S+) · (.*)$/gm),
  ];
  expect(lines.map(([, region]) => region)).toEqual(['cn', 'global']);
  for (const [, region, api, reference, baseUrl, inbox, how] of lines) {
    expect(await (await fetch(`${api}/v1/region`)).json()).toMatchObject({
      id: region,
      addresses: { api, baseUrls: { payg: baseUrl } },
    });
    expect(await (await fetch(reference as string)).text()).toContain('<main id="reference">');
    expect((await fetch(`${baseUrl}/models`)).status).toBe(401);
    expect((await fetch(inbox as string)).status).toBe(200);
    expect(how).toBe('stop with Ctrl-C');
  }

  const port = regionPorts(first.base, 0).api;
  const drained = await halfRequest(port);
  first.child.kill('SIGINT');
  await untilSaid(first, /^stopping: requests in flight are finished first/);
  await pause(samePressMs);
  expect(first.child.exitCode).toBeNull();
  drained.finish();
  expect(await drained.ended).toMatch(/^HTTP\/1\.1 202 [\s\S]*"codeId":"cod_cn_/);
  expect(await first.exit).toBe(0);
  expect(first.output()).toMatch(/\nstopped\n$/);

  const second = await ready(await begin({ dataDir }));
  const tree = processTree(second.child.pid as number);
  const cut = await halfRequest(regionPorts(second.base, 0).api);
  second.child.kill('SIGINT');
  await untilSaid(second, /^stopping: /);
  await pause(samePressMs + 100);
  second.child.kill('SIGINT');
  expect(await second.exit).toBe(130);
  expect(await cut.ended).toBe('');
  expect(await stillThere(tree)).toEqual([]);
}, 120_000);
