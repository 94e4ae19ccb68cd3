import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

// A workspace in miniature, with run.mjs itself and scripts that show what reaches them.
const PNPM = 'pnpm@1.2.3';
let root: string;
const runner = () => join(root, 'scripts/run.mjs');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meridian-run-'));
  for (const folder of ['scripts', `node_modules/node-${process.platform}-${process.arch}/bin`, 'bin'])
    mkdirSync(join(root, folder), { recursive: true });
  cpSync(resolve('scripts/run.mjs'), runner());
  cpSync(resolve('scripts/run'), join(root, 'scripts/run'), { recursive: true });
  symlinkSync(process.execPath, join(root, `node_modules/node-${process.platform}-${process.arch}/bin/node`));
  write('package.json', JSON.stringify({ type: 'module', packageManager: `${PNPM}+sha512.abc` }));
  write('pnpm-lock.yaml', 'lock: 1\n');
  write('pnpm-workspace.yaml', 'packages: []\n');
  const digest = createHash('sha256')
    .update(`${PNPM} ${process.platform} ${process.arch}\nlock: 1\npackages: []\n`)
    .digest('hex');
  write('node_modules/.meridian-installed', digest);
  write(
    'scripts/echo.ts',
    'const args: string[] = process.argv.slice(2); console.log(JSON.stringify(args)); process.exitCode = 7;',
  );
  write('scripts/die.ts', "process.kill(process.pid, 'SIGKILL');");
  write(
    'scripts/wait.ts',
    `import { appendFileSync } from 'node:fs';
     const file = ${JSON.stringify(join(root, 'signals'))};
     for (const signal of ['SIGINT', 'SIGTERM'] as const)
       process.on(signal, () => { appendFileSync(file, signal + ' '); setTimeout(() => process.exit(5), 300); });
     setInterval(() => {}, 1000);
     appendFileSync(${JSON.stringify(join(root, 'ready'))}, String(process.pid));`,
  );
});

afterEach(() => {
  const ready = join(root, 'ready');
  if (existsSync(ready)) endLeftover(Number(readFileSync(ready, 'utf8')));
  rmSync(root, { recursive: true, force: true });
});

/** A failed test may leave its script running; it is known by its command line, as its number may be someone else's by now. */
function endLeftover(pid: number): void {
  const commandLine = `/proc/${pid}/cmdline`;
  if (existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes(root)) process.kill(pid, 'SIGKILL');
}

function write(name: string, text: string): void {
  writeFileSync(join(root, name), text, { mode: 0o755 });
}

function runSync(args: string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, [runner(), ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 20_000,
  });
}

async function untilExists(name: string): Promise<string> {
  for (let tries = 0; tries < 1_500; tries++) {
    if (existsSync(join(root, name))) return readFileSync(join(root, name), 'utf8');
    await pause(20);
  }
  throw new Error(`${name} was never written`);
}

async function untilGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 1_500; tries++) {
    // A zombie that nobody reaps has ended too.
    const state = existsSync(`/proc/${pid}/stat`)
      ? readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0]
      : 'gone';
    if (state === 'gone' || state === 'Z') return true;
    await pause(20);
  }
  return false;
}

async function startWaiting(command: string[], options: { detached?: boolean } = {}): Promise<ChildProcess> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'ignore', 'inherit'], ...options });
  await untilExists('ready');
  return child;
}

describe('run.mjs', () => {
  test('lists its commands for --help, and for an unknown command with exit code 1', () => {
    const help = runSync(['--help']);
    expect([help.status, help.stdout]).toEqual([0, expect.stringContaining('Commands: install, die, echo, wait')]);
    const unknown = runSync(['fly']);
    expect([unknown.status, unknown.stderr]).toEqual([
      1,
      expect.stringMatching(/Unknown command "fly"[\s\S]*Commands: install, die, echo, wait/),
    ]);
    expect(runSync([]).status).toBe(1);
  });

  test('does not leave the scripts folder', () => {
    expect(runSync(['../scripts/echo']).stderr).toContain('Unknown command');
  });

  test('passes arguments on, --help too, and ends with the exit code of the script', () => {
    const result = runSync(['echo', '--help', 'a b']);
    expect([result.status, result.stdout]).toEqual([7, '["--help","a b"]\n']);
  });

  test('ends by the signal that ended the script', () => {
    expect(runSync(['die']).signal).toBe('SIGKILL');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s sent to it reaches the script once', async (signal) => {
    const child = await startWaiting([process.execPath, runner(), 'wait']);
    child.kill(signal);
    expect((await once(child, 'exit'))[0]).toBe(5);
    expect(await untilExists('signals')).toBe(`${signal} `);
  });

  test('a signal for the whole process group reaches the script once', async () => {
    const child = await startWaiting([process.execPath, runner(), 'wait'], { detached: true });
    process.kill(-child.pid!, 'SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(5);
    expect(await untilExists('signals')).toBe('SIGTERM ');
  });

  test("a terminal's Ctrl-C through npm reaches the script once", async () => {
    write(
      'package.json',
      JSON.stringify({ packageManager: PNPM, scripts: { wait: `"${process.execPath}" scripts/run.mjs wait` } }),
    );
    const npm = `cd '${root}' && npm run wait`;
    const child = await startWaiting(
      process.platform === 'darwin'
        ? ['script', '-q', '/dev/null', 'sh', '-c', npm]
        : ['script', '-qec', npm, '/dev/null'],
    );
    child.stdin!.write('\x03');
    await once(child, 'exit');
    expect(await untilExists('signals')).toBe('SIGINT ');
  });

  test('killed without warning, it takes the script along', async () => {
    const child = await startWaiting([process.execPath, runner(), 'wait']);
    child.kill('SIGKILL');
    expect(await untilGone(Number(readFileSync(join(root, 'ready'), 'utf8')))).toBe(true);
    expect(await untilExists('signals')).toBe('SIGTERM ');
  });

  test('installs with the pinned pnpm when the lockfile changed, and only then', () => {
    const env = { PATH: `${join(root, 'bin')}:${process.env.PATH}` };
    write('bin/npx', `#!/bin/sh\necho "$@" >> '${join(root, 'installs')}'\n`);
    expect(runSync(['echo'], env).stdout).toBe('[]\n');
    expect(existsSync(join(root, 'installs'))).toBe(false);
    write('pnpm-lock.yaml', 'lock: 2\n');
    expect(runSync(['echo'], env).stdout).toContain(`Installing dependencies with ${PNPM}`);
    expect(runSync(['echo'], env).stdout).toBe('[]\n');
    expect(readFileSync(join(root, 'installs'), 'utf8')).toBe(
      `--yes ${PNPM} install --frozen-lockfile --pm-on-fail=ignore\n`,
    );
  });

  test.each([
    [
      'the network is away',
      'echo "npm error code EAI_AGAIN" >&2; exit 1',
      /^Dependencies cannot be installed because the package registry cannot be reached: [^\n]*\n$/,
    ],
    ['pnpm refuses', 'exit 0', /^Dependencies could not be installed \(pnpm ended with 9\): its message is above\.\n$/],
  ])('says in one sentence that %s', (_, npm, message) => {
    write('pnpm-lock.yaml', 'lock: 3\n');
    write('bin/npx', '#!/bin/sh\nexit 9\n');
    write('bin/npm', `#!/bin/sh\n${npm}\n`);
    const result = runSync(['echo'], { PATH: `${join(root, 'bin')}:${process.env.PATH}` });
    expect([result.status, result.stderr]).toEqual([1, expect.stringMatching(message)]);
  });
});
