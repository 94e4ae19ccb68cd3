// The engine is started where none answers, also after one that was killed left the number of its process behind.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

let root: string;
let pidFile: string;
const stub = (name: string, text: string) =>
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meridian-engine-'));
  pidFile = join(root, 'run/docker/containerd/containerd.pid');
  for (const folder of ['bin', 'run/docker/containerd']) mkdirSync(join(root, folder), { recursive: true });
  for (const name of ['debootstrap', 'mvn', 'openssl']) stub(name, '');
  stub('id', 'echo 0');
  stub('docker', `case $1 in info) [ -e '${root}/up' ];; version) echo 1.2.3;; esac`);
  // As Docker's: it starts no containerd of its own while a process bears the number in the file.
  stub(
    'dockerd',
    `if [ -s '${pidFile}' ] && kill -0 $(cat '${pidFile}'); then echo waiting; else touch '${root}/up'; fi`,
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const run = (wait: number) =>
  spawnSync(resolve('scripts/install/docker-engine.sh'), {
    encoding: 'utf8',
    env: {
      PATH: `${join(root, 'bin')}:/usr/bin:/bin`,
      DOCKER_RUN: join(root, 'run'),
      DOCKER_LOG: join(root, 'dockerd.log'),
      DOCKER_WAIT: String(wait),
    },
  });

test('a number that another program bears by now does not keep the engine from starting', () => {
  writeFileSync(pidFile, String(process.pid));
  const { status, stdout } = run(30);
  expect(stdout).toMatch(/containerd\.pid: its process is gone\n.*starting the engine\nDocker engine 1\.2\.3 answers/s);
  expect(status).toBe(0);
});

test('a living containerd keeps its number, and what the engine said is shown when it does not answer', () => {
  symlinkSync('/bin/sleep', join(root, 'containerd'));
  const containerd = spawn(join(root, 'containerd'), ['60']);
  try {
    writeFileSync(pidFile, String(containerd.pid));
    const { status, stderr } = run(2);
    expect(existsSync(pidFile)).toBe(true);
    expect(stderr).toMatch(/^waiting\nThe Docker engine does not answer/m);
    expect(status).toBe(1);
  } finally {
    containerd.kill();
  }
});
