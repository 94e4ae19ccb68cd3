import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from '@jest/globals';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const launch = (mode: string) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./run-demo.ts', import.meta.url)), mode], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { out: '', err: '' };
  const { promise: up, resolve } = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    output.out += chunk;
    if (output.out.includes('is up')) resolve();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.err += chunk;
  });
  const exit = new Promise<number | null>((done) => child.on('close', done));
  return { child, output, up, exit };
};

test('SIGTERM stops everything in order, each step even if one fails', async () => {
  const { child, output, up, exit } = launch('well');
  await up;
  child.kill('SIGTERM');
  await exit;
  const steps = [...output.out.matchAll(/step:(\w+)/g)].map((m) => m[1]);
  expect(steps).toEqual(['readiness', 'http', 'consumers', 'database']);
  expect(output.out).toContain('a step of stopping failed');
});
test('a start that fails says one sentence and exits with 1', async () => {
  const { output, exit } = launch('broken');
  expect(await exit).toBe(1);
  expect(output.err).toBe('demo cannot start: the database is not there\n');
});
test('an uncaught error stops in order and exits with 1', async () => {
  const { output, exit } = launch('crash');
  expect(await exit).toBe(1);
  expect(output.out).toContain('step:database');
});
test('what does not stop is ended at the deadline, with 1', async () => {
  const { child, up, exit } = launch('stuck');
  await up;
  child.kill('SIGINT');
  expect(await exit).toBe(1);
});
