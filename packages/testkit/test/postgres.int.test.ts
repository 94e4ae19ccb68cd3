import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { describeNeeding } from '../src/jest/needs.ts';
import { ordinaryUser } from '../src/ordinary-user.ts';
import { startFailure } from '../src/postgres/cluster.ts';
import { folderError } from '../src/postgres/postgres-error.ts';
import { worksIn } from '../src/postgres/postmaster.ts';
import { type RunningPostgres, startPostgres } from '../src/postgres/start-postgres.ts';
import { waitFor } from '../src/wait-for.ts';

const root = process.getuid?.() === 0;
const launcher = resolve('packages/testkit/test/fixtures/launch-postgres.ts');
const ordinary = ordinaryUser(launcher);
const passable = ordinary.run.uid !== undefined;

const noNamespaces = !root
  ? 'an ordinary user does not need them'
  : passable
    ? 'root serves as nobody, or refuses'
    : 'root refuses';

let folder: string;
const running: RunningPostgres[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meridian-pg-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const server of running.splice(0)) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(dataDir: string, durable = false): Promise<RunningPostgres> {
  const server = await startPostgres({ dataDir, durable });
  running.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  return (await client.query(sql).finally(() => client.end())).rows;
}

/** Runs the launcher in a process of its own, which may be killed or be another user; resolves with what it printed first. */
async function launch(
  dataDir: string,
  options: { env?: { PATH: string }; prefix?: readonly string[]; run?: { uid?: number; gid?: number } } = {},
): Promise<{ child: ChildProcess; said: Record<string, unknown> }> {
  const { prefix = [], env = { PATH: process.env.PATH }, run } = options;
  const [command = '', ...args] = [...prefix, process.execPath, launcher, dataDir];
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
    ...run,
  });
  children.push(child);
  const line = await new Promise<string>((done) => {
    let text = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) done(text);
    });
    child.once('exit', () => done(text));
  });
  return { child, said: JSON.parse(line) as Record<string, unknown> };
}

describe('embedded PostgreSQL', () => {
  test(`as ${root ? 'root' : 'an ordinary user'}, in a folder of mode 0700: starts, serves, stops, keeps its data`, async () => {
    chmodSync(folder, 0o700);
    const dataDir = join(folder, 'data');
    const first = await start(dataDir, true);
    expect(await query(first.adminUrl, 'show server_version')).toEqual([
      { server_version: expect.stringMatching(/^18\./) },
    ]);
    expect(await query(first.adminUrl, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
    expect(await query(first.adminUrl, 'show fsync')).toEqual([{ fsync: 'on' }]);
    await query(first.adminUrl, 'create table kept as select 42 as n');
    await first.stop();
    expect(worksIn(first.pid, join(dataDir, 'cluster'))).toBe(false);
    const second = await start(dataDir, true);
    expect(await query(second.adminUrl, 'select n from kept')).toEqual([{ n: 42 }]);
    expect(statSync(join(dataDir, 'cluster')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600);
  });

  test(`where user namespaces are forbidden: ${noNamespaces}`, async () => {
    // A search path without unshare is a machine on which it fails.
    const path = join(folder, 'bin');
    mkdirSync(path);
    symlinkSync(existsSync('/usr/bin/test') ? '/usr/bin/test' : '/bin/test', join(path, 'test'));
    const dataDir = join(folder, 'data');
    if (root) {
      chmodSync(folder, 0o700);
      expect((await launch(dataDir, { env: { PATH: path } })).said).toEqual({ code: 'postgres_refused_user' });
    }
    chmodSync(folder, 0o755);
    const { child, said } = await launch(dataDir, { env: { PATH: path } });
    if (root && !passable) {
      expect(said).toEqual({ code: 'postgres_refused_user' });
      return;
    }
    expect(said).toMatchObject({ rows: [{ n: 1 }] });
    expect(statSync(join(dataDir, 'cluster')).uid).toBe(root ? 65534 : process.getuid!());
    child.stdin!.end();
    await new Promise((done) => child.once('exit', done));
    // And back again, on the same data.
    const server = await start(dataDir);
    expect(await query(server.adminUrl, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(statSync(join(dataDir, 'cluster')).uid).toBe(process.getuid!());
  });

  test('a role and a database of its own get a URL, whatever characters they hold', async () => {
    const server = await start(join(folder, 'da ta'));
    await query(server.adminUrl, `create role "a b" login password 'p@/?#%'`);
    await query(server.adminUrl, 'create database "d b" owner "a b"');
    const url = server.url('d b', { user: 'a b', password: 'p@/?#%' });
    expect(await query(url, 'select current_user as u, current_database() as d')).toEqual([{ u: 'a b', d: 'd b' }]);
    await expect(query(server.url('d b', { user: 'a b', password: 'wrong' }), 'select 1')).rejects.toMatchObject({
      code: '28P01',
    });
  });

  test('after kill -9 of the launching process the next start stops the orphan and finds the data', async () => {
    const dataDir = join(folder, 'data');
    const { child, said } = await launch(dataDir);
    const orphan = said.pid as number;
    await query(said.url as string, 'create table kept as select 7 as n');
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    expect(worksIn(orphan, join(dataDir, 'cluster'))).toBe(true);
    const next = await start(dataDir);
    expect(worksIn(orphan, join(dataDir, 'cluster'))).toBe(false);
    expect(await query(next.adminUrl, 'select n from kept')).toEqual([{ n: 7 }]);
  });

  test('after kill -9 of the server itself too', async () => {
    const dataDir = join(folder, 'data');
    const first = await start(dataDir, true);
    await query(first.adminUrl, 'create table kept as select 8 as n');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    await first.stop();
    const next = await start(dataDir, true);
    expect(await query(next.adminUrl, 'select n from kept')).toEqual([{ n: 8 }]);
  });

  test('a postmaster.pid whose number now belongs to someone else is no obstacle, and that process is left alone', async () => {
    const dataDir = join(folder, 'data');
    await (await start(dataDir)).stop();
    const bystander = spawn('sleep', ['60'], { cwd: join(dataDir, 'cluster') });
    children.push(bystander);
    writeFileSync(join(dataDir, 'cluster/postmaster.pid'), `${bystander.pid}\n${dataDir}/cluster\n1\n5432\n`);
    const next = await start(dataDir);
    expect(await query(next.adminUrl, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(bystander.exitCode).toBeNull();
  });

  test('a first start killed while it made the cluster leaves nothing that hinders the next', async () => {
    const dataDir = join(folder, 'data');
    const child = spawn(process.execPath, [launcher, dataDir], { stdio: 'ignore' });
    children.push(child);
    const half = () => existsSync(dataDir) && readdirSync(dataDir).some((name) => name.startsWith('cluster.new-'));
    await waitFor(half, { timeoutMs: 30_000, everyMs: 1 });
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    expect(existsSync(join(dataDir, 'cluster'))).toBe(false);
    const next = await start(dataDir);
    expect(await query(next.adminUrl, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(half()).toBe(false);
  });

  test('nor does what that first start left running, and still writes', async () => {
    const dataDir = join(folder, 'data');
    const unfinished = join(dataDir, 'cluster.new-killed');
    mkdirSync(unfinished, { recursive: true });
    const writing = 'i=0; while [ $i -lt 3000 ] && : > "$0/$i"; do i=$((i + 1)); done';
    const writer = spawn('sh', ['-c', writing, unfinished], { stdio: 'ignore' });
    children.push(writer);
    await waitFor(() => readdirSync(unfinished).length > 0, { timeoutMs: 10_000, everyMs: 1 });
    await start(dataDir);
    expect(existsSync(unfinished)).toBe(false);
  });

  test('two data folders side by side do not know each other', async () => {
    const [one, two] = await Promise.all([start(join(folder, 'one')), start(join(folder, 'two'))]);
    await query(one.adminUrl, 'create database only_here');
    const find = "select datname from pg_database where datname = 'only_here'";
    expect(await query(two.adminUrl, find)).toEqual([]);
    expect(await query(one.adminUrl, find)).toHaveLength(1);
  });

  test('a data folder too long for a socket gets a private folder elsewhere, removed at stop', async () => {
    const dataDir = join(folder, 'x'.repeat(60), 'y'.repeat(60));
    const server = await start(dataDir);
    expect(server.socketDir.startsWith(folder)).toBe(false);
    expect(statSync(server.socketDir).mode & 0o777).toBe(0o700);
    expect(await query(server.adminUrl, 'select 1 as n')).toEqual([{ n: 1 }]);
    await server.stop();
    expect(existsSync(server.socketDir)).toBe(false);
  });

  test('stopping ends open connections, and may be asked twice', async () => {
    const server = await start(join(folder, 'data'));
    const client = new pg.Client(server.adminUrl);
    const ended = new Promise<Error>((done) => client.on('error', done));
    await client.connect();
    await Promise.all([server.stop(), server.stop()]);
    expect(await ended).toBeInstanceOf(Error);
    await server.exited;
  });
});

describeNeeding('an ordinary user', ordinary.possible, 'embedded PostgreSQL', () => {
  test(`runs as an ordinary user: ${ordinary.who}`, async () => {
    chmodSync(folder, 0o777);
    const { child, said } = await launch(join(folder, 'data'), ordinary);
    expect(said).toMatchObject({ rows: [{ n: 1 }], uid: expect.any(Number) });
    expect(said.uid).toBeGreaterThan(0);
    child.stdin!.end();
    expect(await new Promise((done) => child.once('exit', done))).toBe(0);
  });

  test('refuses a folder that this user cannot write', async () => {
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'closed'), { mode: 0o555 });
    const { said } = await launch(join(folder, 'closed/data'), ordinary);
    expect(said).toEqual({ code: 'data_folder_not_writable' });
  });
});

describe('embedded PostgreSQL refuses, in one sentence with a code,', () => {
  test('a folder that another live process holds', async () => {
    const dataDir = join(folder, 'data');
    const { child } = await launch(dataDir);
    const message = expect.stringMatching(
      new RegExp(`in use by another running Meridian \\(process ${child.pid}\\)\\.$`),
    );
    await expect(start(dataDir)).rejects.toMatchObject({ code: 'data_folder_in_use', message });
  });

  test('a cluster without PG_VERSION', async () => {
    mkdirSync(join(folder, 'cluster'));
    writeFileSync(join(folder, 'password'), 'x\n');
    await expect(start(folder)).rejects.toMatchObject({
      code: 'data_folder_broken',
      message: expect.stringContaining('no PG_VERSION'),
    });
  });

  test('a cluster of another major version', async () => {
    mkdirSync(join(folder, 'cluster'));
    writeFileSync(join(folder, 'password'), 'x\n');
    writeFileSync(join(folder, 'cluster/PG_VERSION'), '17\n');
    await expect(start(folder)).rejects.toMatchObject({
      code: 'data_folder_version',
      message: expect.stringContaining('PostgreSQL 17'),
    });
  });

  test('a cluster that lost its control file, quoting PostgreSQL', async () => {
    const dataDir = join(folder, 'data');
    await (await start(dataDir)).stop();
    rmSync(join(dataDir, 'cluster/global/pg_control'));
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'data_folder_broken',
      message: expect.stringContaining('pg_control'),
    });
  });

  test('a cluster whose password is gone', async () => {
    const dataDir = join(folder, 'data');
    await (await start(dataDir)).stop();
    rmSync(join(dataDir, 'password'));
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'data_folder_broken',
      message: expect.stringContaining('password'),
    });
  });

  test('a folder that cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(start(join(folder, 'file'))).rejects.toMatchObject({ code: 'data_folder_not_writable' });
    await expect(start(join(folder, 'file/below'))).rejects.toMatchObject({ code: 'data_folder_not_writable' });
  });

  test('a folder on a full disk', async () => {
    const said = 'FATAL:  could not write lock file "postmaster.pid": No space left on device\n';
    expect(startFailure(said, 'it ended at once')).toMatchObject({ code: 'disk_full' });
    const full = captureError(() => writeFileSync('/dev/full', 'x'));
    expect(folderError(full, folder)).toMatchObject({ code: 'disk_full', message: expect.stringContaining(folder) });
  });
});

function captureError(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

test('the launcher writes no statement and no value to its log', async () => {
  const server = await start(join(folder, 'data'));
  await query(server.adminUrl, 'create table person (phone text primary key)');
  await query(server.adminUrl, "insert into person values ('13800000000')");
  await expect(query(server.adminUrl, "insert into person values ('13800000000')")).rejects.toMatchObject({
    code: '23505',
  });
  await server.stop();
  const log = readFileSync(join(folder, 'data/postgres.log'), 'utf8');
  expect(log).toContain('duplicate key');
  expect(log).not.toContain('13800000000');
});
