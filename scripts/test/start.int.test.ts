// npm start as a person uses it: it gets ready, stops without leaving a process, survives kill -9, keeps data, resets, and says clearly what is wrong.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { createSession, getAccount, sendCode } from '@meridian/contracts/identity.ts';
import { regionPorts, sandboxPorts } from '@meridian/testkit/embedded/ports.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { outsideWorld } from '../../tests/journeys/outside-world.ts';
import { processTree } from '../bench/process-memory.ts';

const root = new URL('../../', import.meta.url).pathname;
const folders: string[] = [];
const copies: Copy[] = [];
let nextBase = 31_000 + Math.floor(Math.random() * 6) * 200;

type Copy = { child: ChildProcess; output: () => string; base: number; exit: Promise<number | null> };

const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-start-'));
  folders.push(folder);
  return folder;
};

const newBase = () => {
  nextBase += 100;
  return nextBase;
};

const begin = (dataDir: string, base: number, args: string[] = [], user: { uid?: number; gid?: number } = {}): Copy => {
  const child = spawn(process.execPath, ['scripts/run.mjs', 'start', ...args], {
    cwd: root,
    env: { ...process.env, MERIDIAN_DATA_DIR: dataDir, MERIDIAN_PORT_BASE: String(base) },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...user,
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk));
  const copy = {
    child,
    output: () => text,
    base,
    exit: new Promise<number | null>((resolve) => child.once('exit', resolve)),
  };
  copies.push(copy);
  return copy;
};

const ready = async (copy: Copy) => {
  const deadline = performance.now() + 60_000;
  while ((copy.output().match(/^ready /gm) ?? []).length < 2) {
    if (copy.child.exitCode !== null || performance.now() > deadline) throw new Error(`not ready:\n${copy.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return copy;
};

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const gone = async (pids: number[]) => {
  const deadline = performance.now() + 20_000;
  while (pids.some(alive) && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  return pids.filter(alive);
};

/** Registers by e-mail in the second region; returns the token. */
const register = async (base: number) => {
  const api = `http://127.0.0.1:${regionPorts(base, 1).api}`;
  const identifier = { kind: 'email' as const, value: `start-${base}@people.example` };
  const since = new Date();
  const { body: sent } = await call(sendCode, { baseUrl: api, body: { identifier, purpose: 'login' } });
  const code = await outsideWorld(`http://127.0.0.1:${sandboxPorts(base).http}`).readCode(identifier, since);
  const { body } = await call(createSession, {
    baseUrl: api,
    body: { codeId: sent.codeId, code, identifier, termsVersion: '2026-11' },
  });
  return { api, token: body.accessToken, accountId: body.accountId };
};

afterEach(async () => {
  for (const copy of copies.splice(0)) {
    if (copy.child.exitCode === null) copy.child.kill('SIGTERM');
    await copy.exit;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}, 60_000);

test('gets ready, keeps its data over Ctrl-C and kill -9, leaves no process behind, and resets', async () => {
  const dataDir = newFolder();
  chmodSync(dataDir, 0o700);
  const base = newBase();
  const first = await ready(begin(dataDir, base));
  expect(first.output()).toMatch(/ready cn: .*stop with Ctrl-C/);
  const person = await register(base);
  const tree = processTree(first.child.pid as number);
  expect(tree.length).toBeGreaterThan(3);
  first.child.kill('SIGINT');
  expect(await first.exit).toBe(0);
  expect(await gone(tree)).toEqual([]);

  const second = await ready(begin(dataDir, base));
  expect((await call(getAccount, { baseUrl: person.api, token: person.token })).body.accountId).toBe(person.accountId);
  const killed = processTree(second.child.pid as number);
  for (const pid of killed.slice(0, 2)) process.kill(pid, 'SIGKILL');
  await second.exit;

  const third = await ready(begin(dataDir, base));
  expect((await call(getAccount, { baseUrl: person.api, token: person.token })).body.accountId).toBe(person.accountId);
  third.child.kill('SIGTERM');
  expect(await third.exit).toBe(0);
  expect(await gone([...killed, ...processTree(third.child.pid as number)])).toEqual([]);

  const fourth = await ready(begin(dataDir, base, ['--reset']));
  await expect(call(getAccount, { baseUrl: person.api, token: person.token })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
  fourth.child.kill('SIGINT');
  expect(await fourth.exit).toBe(0);
}, 180_000);

test('an ordinary user can run it', async () => {
  // Root runs it as nobody; anybody else is an ordinary user already.
  const dataDir = newFolder();
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (nobody.uid) chownSync(dataDir, nobody.uid, nobody.gid);
  const copy = await ready(begin(dataDir, newBase(), [], nobody));
  expect((await register(copy.base)).accountId).toMatch(/^acc_global_/);
  copy.child.kill('SIGINT');
  expect(await copy.exit).toBe(0);
}, 120_000);

test('two copies run side by side; a third on the data of the first, or on a port in use, is told so in one sentence', async () => {
  const [one, two] = [newFolder(), newFolder()];
  const [a, b] = [newBase(), newBase()];
  const first = await ready(begin(one, a));
  const second = await ready(begin(two, b));
  expect([first, second].map((copy) => copy.child.exitCode)).toEqual([null, null]);

  const sameData = begin(one, newBase());
  expect(await sameData.exit).toBe(1);
  expect(sameData.output()).toMatch(/meridian: The data folder .* is in use by another running Meridian/);

  const samePorts = begin(newFolder(), a);
  expect(await samePorts.exit).toBe(1);
  expect(samePorts.output()).toMatch(/meridian: Port \d+ is in use by another program: .*MERIDIAN_PORT_BASE/);
  expect(samePorts.output()).not.toMatch(/at .*\.ts:\d+/);
}, 180_000);

test('a single port taken by another program is named', async () => {
  const base = newBase();
  const port = regionPorts(base, 1).gateway;
  const other = createServer().listen(port, '127.0.0.1');
  try {
    const copy = begin(newFolder(), base);
    expect(await copy.exit).toBe(1);
    expect(copy.output()).toContain(`Port ${port} is in use`);
  } finally {
    other.close();
  }
}, 60_000);

test('a broken data folder, and one that cannot be made, are each one sentence', async () => {
  const broken = newFolder();
  const cluster = join(broken, 'postgres', 'cluster');
  const copy = await ready(begin(broken, newBase()));
  copy.child.kill('SIGINT');
  await copy.exit;
  expect(existsSync(cluster)).toBe(true);
  rmSync(join(cluster, 'PG_VERSION'));
  const again = begin(broken, newBase());
  expect(await again.exit).toBe(1);
  expect(again.output()).toMatch(/meridian: The data folder .* is broken/);
  expect(again.output()).not.toMatch(/at .*\.ts:\d+/);

  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  const impossible = begin(join(file, 'data'), newBase());
  expect(await impossible.exit).toBe(1);
  expect(impossible.output()).toMatch(/^meridian: .+\.$/m);
  expect(impossible.output()).not.toMatch(/at .*\.ts:\d+/);
}, 120_000);

test('foreign files in the data folder are never reset', async () => {
  const dataDir = newFolder();
  writeFileSync(join(dataDir, 'thesis.txt'), 'years of work');
  const copy = begin(dataDir, newBase(), ['--reset']);
  expect(await copy.exit).toBe(1);
  expect(copy.output()).toContain('thesis.txt');
  expect(existsSync(join(dataDir, 'thesis.txt'))).toBe(true);
}, 60_000);

test('wrong options and a wrong port base are told, and --help helps', async () => {
  const wrong = begin(newFolder(), newBase(), ['--resett']);
  expect(await wrong.exit).toBe(1);
  expect(wrong.output()).toContain('--help');
  const badBase = begin(newFolder(), 80);
  expect(await badBase.exit).toBe(1);
  expect(badBase.output()).toContain('MERIDIAN_PORT_BASE must be');
  const help = begin(newFolder(), newBase(), ['--help']);
  expect(await help.exit).toBe(0);
  expect(help.output()).toContain('--reset');
}, 60_000);

describeNeeding('root', process.getuid?.() === 0, 'a disk of its own', () => {
  test('a full disk is one sentence', async () => {
    const folder = newFolder();
    // A mount that only this process and what it starts can see; it goes with them.
    const full = 'mount -t tmpfs -o size=24m tmpfs "$0" && MERIDIAN_DATA_DIR="$0/data" exec "$1" scripts/run.mjs start';
    const child = spawn('unshare', ['--mount', 'sh', '-c', full, folder, process.execPath], {
      cwd: root,
      env: { ...process.env, MERIDIAN_PORT_BASE: String(newBase()) },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(1);
    expect(text).toMatch(/meridian: The disk is full: /);
    expect(text).not.toMatch(/at .*\.ts:\d+/);
  }, 60_000);
});
