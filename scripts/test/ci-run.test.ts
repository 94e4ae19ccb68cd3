// .ci/run on a machine in miniature: it is green only when every part is, and tests that did not run, or say nothing, are red.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { unreported } from './summary.ts';

let root: string;
const write = (name: string, text: string) => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text, { mode: 0o755 });
};
/** A program of the machine that notes how it was called. */
const stub = (name: string, text = '') =>
  write(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >> '${root}/calls'\n${text}\n`);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meridian-ci-'));
  mkdirSync(join(root, 'bin'));
  cpSync(resolve('.ci/run'), join(root, '.ci/run'));
  // All there is besides: neither git nor curl.
  for (const name of ['bash', 'sh', 'env', 'dirname', 'mkdir', 'rm', 'tee', 'grep', 'tac', 'timeout'])
    symlinkSync(
      ['/usr/bin', '/bin'].map((place) => join(place, name)).find(existsSync) ?? name,
      join(root, 'bin', name),
    );
  for (const name of ['docker-engine', 'docker-compose']) write(`scripts/install/${name}.sh`, '#!/bin/sh\n');
  stub('id', 'echo 0');
  for (const name of ['node', 'apt-get', 'python3', 'nginx']) stub(name);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs it with an npm that answers `said` to `npm test`, and ends `failing` with 1. */
const run = (said: string, failing = 'nothing') => {
  stub('npm', `case "$*" in *${failing}*) exit 1;; test*) printf '%s\\n' '${said}';; esac`);
  const { status, stdout } = spawnSync(join(root, '.ci/run'), { encoding: 'utf8', env: { PATH: join(root, 'bin') } });
  const parts = Object.fromEntries(
    [...stdout.matchAll(/^(\w+) +(green|RED) +\d+ s$/gm)].map(([, part, result]) => [part, result]),
  );
  return {
    status,
    parts,
    stdout,
    calls: existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8') : '',
  };
};

describe('.ci/run', () => {
  test('is green when every part is, names them, and ends with the counts', () => {
    const { status, parts, stdout } = run('12 passed, 0 failed');
    expect(parts).toMatchObject({
      install: 'green',
      check: 'green',
      engine: 'green',
      compose: 'green',
      images: 'green',
      test: 'green',
    });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('12 passed, 0 failed');
    expect(status).toBe(0);
  });

  test('installs what the machine lacks, and only that', () => {
    const { parts, calls } = run('12 passed, 0 failed');
    expect(parts.curl).toBe('green');
    expect(calls).toMatch(/^apt-get install .* curl$/m);
    expect(parts.nginx).toBeUndefined();
    expect(calls).not.toMatch(/apt-get install .* nginx/);
  });

  test.each([
    ['tests that did not run', '12 passed, 0 failed\nNOT RUN: kafka (3)'],
    ['a test that failed', '11 passed, 1 failed'],
    ['no test at all', '0 passed, 0 failed'],
    ['no counts', 'all is well'],
  ])('is red for %s, though npm test ended with 0', (_, said) => {
    const { status, parts } = run(said);
    expect([status, parts.test]).toEqual([1, 'RED']);
  });

  test('is red when the run of the tests was ended, and says what the run said of it', () => {
    const { parts, stdout } = run(unreported);
    expect(parts.test).toBe('RED');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(unreported);
  });

  test('is red when a part fails, and runs the others', () => {
    const { status, parts } = run('12 passed, 0 failed', 'check');
    expect([status, parts.check, parts.test]).toEqual([1, 'RED', 'green']);
  });

  test('is red without images, and says that no test ran', () => {
    const { status, parts, stdout } = run('12 passed, 0 failed', 'images');
    expect([status, parts.images, parts.test]).toEqual([1, 'RED', undefined]);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('NOT RUN: tests');
  });
});
