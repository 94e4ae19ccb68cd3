// Provider clients against the sandbox's stand-ins, configured through the environment as in a deployment.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from '@jest/globals';
import { type FederatedLogin, federatedLogins } from '@meridian/regions/profile.ts';
import type { SandboxSecrets } from '@meridian/sandbox/config.ts';
import { startSandbox } from '@meridian/sandbox/sandbox.ts';
import { createSandboxSecrets } from '@meridian/sandbox/secrets.ts';
import { loginEnv } from '@meridian/testkit/embedded/login-env.ts';
import type { LoginFlow, LoginProvider, PushRequest } from '../../src/providers/login-provider.ts';
import { configureProviders, makeProviders } from '../../src/providers/registry.ts';

export type Staff = { sub: string; name: string; email: string; roles: string[] }[];
const random = () => randomBytes(32).toString('base64url');

/** A clock that moves for the sandbox, the clients and, since the libraries read it, Date.now. */
export const createClock = () => {
  const real = Date.now;
  let offset = 0;
  Date.now = () => real() + offset;
  return {
    now: () => new Date(Date.now()),
    move: (ms: number) => {
      offset += ms;
    },
    restore: () => {
      Date.now = real;
    },
  };
};

/** Receives pushes; keeps what came as the client's port wants it. */
const startReceiver = async () => {
  const received: PushRequest[] = [];
  let answer: (request: PushRequest) => Promise<string> = async () => 'ok';
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const query = Object.fromEntries(new URL(request.url ?? '/', 'http://receiver').searchParams);
    const push = { method: request.method as 'GET' | 'POST', query, body: Buffer.concat(chunks).toString() };
    received.push(push);
    response.end(await answer(push));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answerWith: (next: typeof answer) => {
      answer = next;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

export const startLogins = async () => {
  const clock = createClock();
  const secrets: SandboxSecrets = await createSandboxSecrets(['cn', 'global']);
  const staff: Staff = [{ sub: 'ada', name: 'Ada', email: 'ada@operator.example', roles: ['admin'] }];
  const [sandbox, receiver] = [
    await startSandbox({
      secrets,
      http: { port: 0 },
      smtp: { port: 0 },
      now: clock.now,
      models: [],
      staff,
      notifications: { timeScale: 0.001, timeoutMs: 10_000 },
      log: () => undefined,
    }),
    await startReceiver(),
  ];
  const json = async (method: string, path: string, body: object = {}) => {
    const answer = await fetch(sandbox.origin + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the sandbox refused ${path}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  };
  const redirectUri = (name: string) => `http://127.0.0.1:9/v1/logins/${name}/callback`;
  for (const region of ['cn', 'global'])
    for (const name of federatedLogins)
      await json('PUT', `/control/${name}/app/${region}`, {
        redirectUris: [redirectUri(name)],
        pushUrl: `${receiver.url}/push`,
        deletionUrl: `${receiver.url}/push?purpose=deletion`,
      });
  const outside = sandbox.credentials.cn;
  if (!outside) throw new Error('no region cn');

  /** The named client; `env` replaces variables. */
  const provider = (name: FederatedLogin, env: Record<string, string> = {}): LoginProvider => {
    const configured = configureProviders([name], { ...loginEnv([name], outside), ...env }, { embedded: true });
    const made = makeProviders(configured, { now: clock.now }).get(name);
    if (!made) throw new Error(`no provider ${name}`);
    return made;
  };
  const newFlow = (name: string): LoginFlow => ({
    redirectUri: redirectUri(name),
    state: random(),
    nonce: random(),
    codeVerifier: random(),
  });
  /** The person's choice at the provider's page; '' refuses. Answers what the browser would bring back, by query or by form; undefined: it stays there. */
  const choose = async (url: URL, person: string): Promise<Record<string, string> | undefined> => {
    const page = await fetch(url);
    const shown = await page.text();
    if (page.status !== 200)
      throw new Error(`the provider refused the request: ${shown.match(/class="warn">([^<]*)/)?.[1]}`);
    expect(shown).toContain('<form method="post"');
    const answer = await fetch(url.origin + url.pathname, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams([...url.searchParams, ['person', person]]),
    });
    const location = answer.headers.get('location');
    if (location) return Object.fromEntries(new URL(location).searchParams);
    const text = await answer.text();
    const plainText = (value: string) =>
      value.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
    const fields = [...text.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name,
      plainText(value),
    ]);
    return fields.length > 0 ? Object.fromEntries(fields) : undefined;
  };
  const login = async (name: FederatedLogin, person: string, client = provider(name)) => {
    const flow = newFlow(name);
    const back = await choose(await client.authorizeUrl(flow), person);
    if (!back) throw new Error('the person stayed at the provider');
    return client.exchange(back, flow);
  };
  return {
    clock,
    sandbox,
    outside,
    receiver,
    json,
    redirectUri,
    provider,
    newFlow,
    choose,
    login,
    control: (part: string, faults: object) => json('PUT', `/control/${part}`, faults),
    reset: () => fetch(`${sandbox.origin}/control`, { method: 'DELETE' }),
    requests: async (part: string) =>
      (await (await fetch(`${sandbox.origin}/control/${part}/requests`)).json()) as { byRoute: Record<string, number> },
    /** Starts a push; the request that the receiver got. */
    push: async (path: string, body: object): Promise<PushRequest> => {
      await json('POST', path, body);
      const last = receiver.received.at(-1);
      if (!last) throw new Error('no push came');
      return last;
    },
    stop: async () => {
      await Promise.all([sandbox.stop(), receiver.close()]);
      clock.restore();
    },
  };
};
export type Logins = Awaited<ReturnType<typeof startLogins>>;

/** "code (reason)" of the LoginError that a promise ends with. */
export const failure = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    const { code, reason } = error as { code?: string; reason?: string };
    return reason === undefined ? `unexpected: ${String(error)}` : `${code} (${reason})`;
  }
  throw new Error('the call was expected to be refused');
};
