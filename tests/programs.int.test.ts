// Each of the six programs started alone, as an operator starts it: a further replica beside the running copy, configured by its environment only.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import { pauseOf } from '@meridian/kit/run/stopping.ts';
import { parse } from 'yaml';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

const root = new URL('../', import.meta.url).pathname;
let copy: TestCopy;
const children: ChildProcess[] = [];

beforeAll(async () => {
  copy = await startTestCopy();
}, 60_000);
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => copy.stop());

const launch = (service: string, env: Record<string, string>, program = 'main') => {
  const child = spawn(process.execPath, [`services/${service}/src/${program}.ts`], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  return { child, output: () => output, exit: new Promise<number | null>((resolve) => child.once('exit', resolve)) };
};

/** The public address, from the line the program logs when it is up. */
const addressOf = async (program: ReturnType<typeof launch>) => {
  const deadline = performance.now() + 90_000;
  for (;;) {
    const found = /"public":"(http:[^"]+)"/.exec(program.output())?.[1];
    if (found) return found;
    if (program.child.exitCode !== null || performance.now() > deadline)
      throw new Error(`not up:\n${program.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/** What containers get to stop, before they are killed. */
const compose = parse(readFileSync(`${root}infra/compose/region.yml`, 'utf8'), { merge: true }) as {
  services: Record<string, { stop_grace_period: string }>;
};
const graceMs = Math.min(
  ...serviceNames.map((name) => Number(/^(\d+)s$/.exec(compose.services[name]!.stop_grace_period)?.[1]) * 1_000),
);

/** Some that no other service has; of the region's profile where the service has any. */
const ownVariables: Readonly<Record<ServiceName, readonly string[]>> = {
  identity: ['CONTACT_KEY', 'OIDC_CLIENT_SECRET', 'SMS_ACCESS_KEY_SECRET', 'WECHAT_APP_SECRET', 'APPLE_PRIVATE_KEY'],
  verification: ['IDENTITY_DATA_KEY', 'BLIND_INDEX_KEY', 'REAL_NAME_ENDPOINT', 'REAL_NAME_ACCESS_KEY_SECRET'],
  billing: ['PAYLOAD_KEY', 'IDENTITY_URL', 'WECHAT_PAY_PRIVATE_KEY', 'WECHAT_PAY_API_V3_KEY'],
  'key-issuance': ['KEY_PEPPERS', 'IDENTITY_URL'],
  moderation: ['CASE_KEY', 'FINGERPRINT_KEY'],
  gateway: ['UPSTREAM_URL', 'UPSTREAM_API_KEY', 'BILLING_URL'],
};

describe.each(serviceNames.map((name) => [name]))('%s', (service) => {
  test('starts alone, is ready, and ends on SIGTERM with 0', async () => {
    const env = {
      ...copy.region('cn').env(service),
      PUBLIC_LISTEN: '127.0.0.1:0',
      INTERNAL_LISTEN: '127.0.0.1:0',
      STOP_PAUSE_MS: '20',
      // Empty is absent: info.
      LOG_LEVEL: '',
    };
    const program = launch(service, env);
    const address = await addressOf(program);
    const ready = await fetch(`${address}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'ready' }]);
    program.child.kill('SIGTERM');
    expect(await program.exit).toBe(0);
    const withoutPause = Number(/"stopWithinMs":(\d+)/.exec(program.output())?.[1]) - 20;
    expect(withoutPause).toBeGreaterThan(10_000);
    expect(withoutPause + pauseOf({ MERIDIAN_MODE: 'production' })).toBeLessThan(graceMs);
  }, 60_000);

  test('without configuration names every missing variable at once and no value, and ends with 1', async () => {
    const program = launch(service, {
      REGION: 'cn',
      MERIDIAN_MODE: 'production',
      SERVICE_KEY: 'a-secret-that-must-not-be-printed',
      LOG_LEVEL: 'loud',
    });
    expect(await program.exit).toBe(1);
    const text = program.output();
    for (const name of [
      'LOG_LEVEL',
      'PUBLIC_LISTEN',
      'INTERNAL_LISTEN',
      'SERVICE_KEY',
      'SERVICE_KEYS',
      'ISSUER',
      'JWKS_URL',
      // What the mode asks for, and what the region's profile asks of this service.
      'INTERNAL_TLS_KEY',
      'INTERNAL_TLS_CERT',
      'INTERNAL_TLS_CA',
      ...(service === 'gateway' ? [] : ['DATABASE_URL', 'EVENT_BUS_URL']),
      ...ownVariables[service],
    ])
      expect(text).toContain(`- ${name} `);
    expect(text).not.toContain('a-secret-that-must-not-be-printed');
    expect(text).not.toMatch(/at .*\.[jt]s:\d+/);
  }, 30_000);
});

test.each([
  ['identity', 'CONTACT_KEY'],
  ['verification', 'DATABASE_URL'],
  ['billing', 'PAYLOAD_KEY'],
])(
  '%s in an unknown region names what does not depend on it, and says that there is more',
  async (service, name) => {
    const program = launch(service, { REGION: 'nowhere' });
    expect(await program.exit).toBe(1);
    for (const part of ['REGION: there is no profile', `- ${name} is missing`, 'MERIDIAN_MODE is missing'])
      expect(program.output()).toContain(part);
    expect(program.output()).toMatch(/What the mode asks for.*What else is needed depends on the region/s);
  },
  30_000,
);

test("a migration job names its own mistakes and the region's together", async () => {
  const url = 'postgres://owner:hunter2@127.0.0.1/billing';
  const program = launch(
    'billing',
    { REGION: 'nowhere', MERIDIAN_MODE: 'production', DATABASE_OWNER_URL: url },
    'migrate',
  );
  expect(await program.exit).toBe(1);
  for (const part of ['REGION: there is no profile', 'APPLICATION_ROLE is missing', 'DATABASE_OWNER_URL must end with'])
    expect(program.output()).toContain(part);
  expect(program.output()).not.toMatch(/hunter2|at .*\.ts:\d+/);
}, 30_000);

test('an address that the whole network could reach is refused in the embedded mode', async () => {
  const program = launch('billing', {
    ...copy.region('cn').env('billing'),
    PUBLIC_LISTEN: '0.0.0.0:0',
    INTERNAL_LISTEN: '127.0.0.1:0',
  });
  expect(await program.exit).toBe(1);
  expect(program.output()).toContain('PUBLIC_LISTEN');
}, 30_000);
