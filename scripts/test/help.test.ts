// Every command answers --help: exit code 0, how it is used, and nothing else happens.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const commands = readdirSync(resolve('scripts'))
  .filter((name) => /^[a-z-]+\.ts$/.test(name))
  .map((name) => name.slice(0, -'.ts'.length));
const { scripts } = JSON.parse(readFileSync(resolve('package.json'), 'utf8')) as { scripts: Record<string, string> };

let folder: string;
const called = () => join(folder, 'called');
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meridian-help-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'cwd'));
  // Every program that a command could start says so.
  for (const name of ['docker', 'npx', 'npm', 'git', 'mvn', 'debootstrap', 'openssl', 'unshare', 'sh'])
    writeFileSync(join(folder, 'bin', name), `#!/bin/bash\necho ${name} "$@" >> '${called()}'\n`, { mode: 0o755 });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('every script is a command of npm, and every command a script', () => {
  const named = Object.entries(scripts).map(([name, line]) => [name, line] as const);
  expect(named.sort()).toEqual(commands.map((name) => [name, `node scripts/run.mjs ${name}`] as const).sort());
});

test.each(commands)(
  '%s',
  async (command) => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [resolve('scripts', `${command}.ts`), '--help'],
      {
        cwd: join(folder, 'cwd'),
        env: { PATH: join(folder, 'bin') },
        timeout: 30_000,
      },
    );
    expect(stdout).toContain(['start', 'test'].includes(command) ? `npm ${command}` : `npm run ${command}`);
    expect(stderr).toBe('');
    expect(readdirSync(join(folder, 'cwd'))).toEqual([]);
    expect(existsSync(called()) ? readFileSync(called(), 'utf8') : '').toBe('');
  },
  60_000,
);
