// npm start as a person uses it: it gets ready, stops without leaving a process, survives kill -9, keeps data, resets, and runs beside another.
import { randomUUID } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { createRecharge, getBalance, getRecharge } from '@meridian/contracts/billing.ts';
import { createSession, getAccount, getRegion, sendCode } from '@meridian/contracts/identity.ts';
import { regionPorts, sandboxPorts } from '@meridian/testkit/embedded/ports.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { ordinaryUser } from '@meridian/testkit/ordinary-user.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { outsideWorld } from '../../tests/journeys/outside-world.ts';
import { ready, root, startedCopies, stillThere } from '../../tests/support/started-copy.ts';
import { processTree } from '../bench/process-memory.ts';

const { begin, newFolder, clear } = startedCopies();
const ordinary = ordinaryUser(join(root, 'scripts/run.mjs'));

/** Registers by e-mail in the second region; returns the token. */
const register = async (base: number) => {
  const api = `http://127.0.0.1:${regionPorts(base, 1).api}`;
  const identifier = { kind: 'email' as const, value: `start-${base}@people.example` };
  const since = new Date();
  const { termsVersion } = (await call(getRegion, { baseUrl: api })).body.registration;
  const { body: sent } = await call(sendCode, { baseUrl: api, body: { identifier, purpose: 'login' } });
  const code = await outsideWorld(`http://127.0.0.1:${sandboxPorts(base).http}`).readCode(identifier, since);
  const { body } = await call(createSession, {
    baseUrl: api,
    body: { codeId: sent.codeId, code, identifier, termsVersion },
  });
  return { api, token: body.accessToken, accountId: body.accountId };
};

/** Pays for a recharge in the second region while the channel holds its notification back. */
const payUnreported = async (base: number, { api, token }: { api: string; token: string }) => {
  const sandbox = `http://127.0.0.1:${sandboxPorts(base).http}`;
  const { payment: rules, currency } = (await call(getRegion, { baseUrl: api })).body;
  const { body: order } = await call(createRecharge, {
    baseUrl: api,
    token,
    idempotencyKey: randomUUID(),
    body: { channel: 'waffo', amount: rules.minimumRecharge, currency },
  });
  const hold = await fetch(`${sandbox}/control/waffo`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ notify: { hold: true } }),
  });
  expect(hold.status).toBe(200);
  if (!order.payment) throw new Error('the order does not say how it is paid');
  await outsideWorld(sandbox).pay(order.payment);
  return order;
};

afterEach(clear, 60_000);

test('gets ready, keeps its data over Ctrl-C and kill -9, leaves no process behind, and resets where tests left things', async () => {
  const cwd = newFolder();
  chmodSync(cwd, 0o700);
  // What npm test and the build leave beside the data of a copy that nobody gave a folder.
  const left = ['reports', 'test', 'test-python', 'ci'].map((name) => join(cwd, '.meridian', name));
  for (const folder of left) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'kept'), '');
  }
  const first = await ready(await begin({ cwd }));
  const { base } = first;
  const person = await register(base);
  const tree = processTree(first.child.pid as number);
  expect(tree.length).toBeGreaterThan(3);
  first.child.kill('SIGINT');
  expect(await first.exit).toBe(0);
  expect(await stillThere(tree)).toEqual([]);

  const second = await ready(await begin({ cwd, base }));
  expect((await call(getAccount, { baseUrl: person.api, token: person.token })).body.accountId).toBe(person.accountId);
  const order = await payUnreported(base, person);
  const killed = processTree(second.child.pid as number);
  for (const pid of killed.slice(0, 2)) process.kill(pid, 'SIGKILL');
  await second.exit;

  const third = await ready(await begin({ cwd, base }));
  expect((await call(getAccount, { baseUrl: person.api, token: person.token })).body.accountId).toBe(person.accountId);
  const asked = { baseUrl: person.api, token: person.token };
  await waitFor(
    async () => (await call(getRecharge, { ...asked, params: { orderId: order.orderId } })).body.status === 'paid',
    { timeoutMs: 60_000 }, // The channel's second try, should its first come before the region is up.
  );
  expect((await call(getBalance, asked)).body.available).toBe(order.amount);
  const last = processTree(third.child.pid as number);
  third.child.kill('SIGTERM');
  expect(await third.exit).toBe(0);
  expect(await stillThere([...killed, ...last])).toEqual([]);

  // An empty variable counts as absent: the same folder again.
  const fourth = await ready(await begin({ cwd, base, args: ['--reset'], dataDir: '' }));
  await expect(call(getAccount, { baseUrl: person.api, token: person.token })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
  fourth.child.kill('SIGINT');
  expect(await fourth.exit).toBe(0);
  expect(left.filter((folder) => !existsSync(join(folder, 'kept')))).toEqual([]);
}, 400_000);

describeNeeding('an ordinary user', ordinary.possible, 'an ordinary user', () => {
  test(`can run it: ${ordinary.who}`, async () => {
    const dataDir = newFolder();
    if (ordinary.run.uid !== undefined) chownSync(dataDir, ordinary.run.uid, ordinary.run.uid);
    const copy = await ready(await begin({ dataDir, ...ordinary }));
    expect((await register(copy.base)).accountId).toMatch(/^acc_global_/);
    copy.child.kill('SIGINT');
    expect(await copy.exit).toBe(0);
  }, 120_000);
});

describeNeeding('root', process.getuid?.() === 0, 'a clone below a folder of mode 0700', () => {
  test('runs as root, which has to become somebody else for PostgreSQL', async () => {
    const closed = newFolder();
    chmodSync(closed, 0o700);
    // A mount that only this process and what it starts can see; it goes with them.
    const script = 'mkdir "$0/clone" && mount --bind "$1" "$0/clone" && cd "$0/clone" && shift && exec "$@"';
    const prefix = ['unshare', '--mount', 'sh', '-c', script, closed, root];
    const copy = await ready(await begin({ prefix, script: 'scripts/run.mjs', dataDir: join(closed, 'data') }));
    expect((await register(copy.base)).accountId).toMatch(/^acc_global_/);
    copy.child.kill('SIGINT');
    expect(await copy.exit).toBe(0);
  }, 120_000);
});

test('two copies run side by side; a third on the data of the first, also to reset them, or on its ports, is told so in one sentence', async () => {
  const dataDir = newFolder();
  const first = await ready(await begin({ dataDir }));
  const second = await ready(await begin({ dataDir: newFolder() }));
  expect([first, second].map((copy) => copy.child.exitCode)).toEqual([null, null]);

  for (const args of [[], ['--reset']]) {
    const sameData = await begin({ dataDir, args });
    expect(await sameData.exit).toBe(1);
    expect(sameData.output()).toMatch(/meridian: The data folder .* is in use by another running Meridian/);
  }
  expect((await fetch(`http://127.0.0.1:${regionPorts(first.base, 0).api}/v1/region`)).status).toBe(200);

  const samePorts = await begin({ dataDir: newFolder(), base: first.base });
  expect(await samePorts.exit).toBe(1);
  expect(samePorts.output()).toMatch(/meridian: Port \d+ is in use by another program: .*MERIDIAN_PORT_BASE/);
  expect(samePorts.output()).not.toMatch(/at .*\.ts:\d+/);
}, 180_000);

test('foreign files in the data folder are never reset', async () => {
  const dataDir = newFolder();
  writeFileSync(join(dataDir, 'thesis.txt'), 'years of work');
  const copy = await begin({ dataDir, args: ['--reset'] });
  expect(await copy.exit).toBe(1);
  expect(copy.output()).toContain('thesis.txt');
  expect(existsSync(join(dataDir, 'thesis.txt'))).toBe(true);
}, 60_000);

test('wrong options and wrong variables are told, and --help helps', async () => {
  const dataDir = newFolder();
  const wrong = await begin({ dataDir, args: ['--resett'] });
  expect(await wrong.exit).toBe(1);
  expect(wrong.output()).toContain('--help');
  const badBase = await begin({ dataDir, base: 80 });
  expect(await badBase.exit).toBe(1);
  expect(badBase.output()).toBe('meridian: MERIDIAN_PORT_BASE must be a whole number from 1024 to 65000.\n');
  const badLevel = await begin({ dataDir, env: { MERIDIAN_LOG_LEVEL: 'loud' } });
  expect(await badLevel.exit).toBe(1);
  expect(badLevel.output()).toMatch(/^meridian: MERIDIAN_LOG_LEVEL must be one of .*debug.*\.\n$/);
  const help = await begin({ dataDir, args: ['--help'] });
  expect(await help.exit).toBe(0);
  expect(help.output()).toContain('--reset');
}, 60_000);
