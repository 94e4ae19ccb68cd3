import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxConfig } from '../../src/config.ts';
import { exampleModels } from '../../src/models.ts';
import { exampleStaff } from '../../src/oidc/staff.ts';
import { startSandbox } from '../../src/sandbox.ts';
import { createSandboxSecrets } from '../../src/secrets.ts';

/** A sandbox whose clock the test can move, with retry schedules scaled to milliseconds. */
export const startTestSandbox = async (overrides: Partial<SandboxConfig> = {}) => {
  let offsetMs = 0;
  const logged: string[] = [];
  const secrets = overrides.secrets ?? (await createSandboxSecrets(['cn', 'global']));
  const now = () => new Date(Date.now() + offsetMs);
  const sandbox = await startSandbox({
    secrets,
    http: { port: 0 },
    smtp: { port: 0 },
    now,
    models: exampleModels,
    staff: exampleStaff,
    notifications: { timeScale: 0.000_001, timeoutMs: 1000 },
    log: (line) => logged.push(line),
    ...overrides,
  });
  const json = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(sandbox.origin + path, {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  };
  return {
    ...sandbox,
    secrets,
    logged,
    now,
    json,
    control: (part: string, faults: object) => json('PUT', `/control/${part}`, faults),
    requestsOf: async (part: string) => (await json('GET', `/control/${part}/requests`)).body,
    of: (region: string) => {
      const view = sandbox.credentials[region];
      if (!view) throw new Error(`no region ${region}`);
      return view;
    },
    moveClock: (ms: number) => {
      offsetMs += ms;
    },
  };
};
export type TestSandbox = Awaited<ReturnType<typeof startTestSandbox>>;

/** Waits until `probe` answers something, at most 5 s. */
export const waitFor = async <T>(probe: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> => {
  const end = Date.now() + 5000;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error('waited 5 s in vain');
    await sleep(5);
  }
};

export type Received = { headers: IncomingHttpHeaders; body: string };
/** A merchant's callback address that keeps what it receives and answers as told. */
export const startMerchant = async (
  answer: (received: Received, count: number) => { status: number; headers?: Record<string, string>; body?: string },
) => {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const entry = { headers: request.headers, body: Buffer.concat(chunks).toString() };
      received.push(entry);
      const { status, headers = {}, body = '' } = answer(entry, received.length);
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/notify`,
    received,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
