import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { alive } from '../../tests/support/alive.ts';
import { type StartOptions, withProcess } from './started-process.ts';

const script = (text: string) => ({ args: ['--eval', text], deadlineMs: 20_000 });
const lasting = script('setInterval(() => {}, 1000)');
const yes = async () => true;

describe('a process that is measured', () => {
  test('is stopped after the work, before anything else goes on', async () => {
    const pid = await withProcess({ ...lasting, answers: yes }, async (started) => {
      expect(alive(started.pid)).toBe(true);
      return started.pid;
    });
    expect(alive(pid)).toBe(false);
  });

  test('is stopped when the work fails', async () => {
    let pid = 0;
    const work = withProcess({ ...lasting, answers: yes }, async (started) => {
      pid = started.pid;
      throw new Error('the journey failed');
    });
    await expect(work).rejects.toThrow('the journey failed');
    expect(alive(pid)).toBe(false);
  });

  test('is killed when it does not stop', () =>
    withCleanup(async (defer) => {
      const folder = mkdtempSync(join(tmpdir(), 'meridian-bench-'));
      defer(() => rmSync(folder, { recursive: true, force: true }));
      const deafFile = join(folder, 'deaf');
      const deaf = script(
        `process.on('SIGINT', () => {}); setInterval(() => {}, 1000); require('node:fs').writeFileSync(${JSON.stringify(deafFile)}, '')`,
      );
      const options: StartOptions = { ...deaf, answers: async () => existsSync(deafFile), stopMs: 200 };
      const pid = await withProcess(options, async (started) => started.pid);
      expect(alive(pid)).toBe(false);
    }));

  test('ends with the one who measures it', async () => {
    const text = `
      import { withProcess } from ${JSON.stringify(new URL('./started-process.ts', import.meta.url).href)};
      const options = { args: ['--eval', 'setInterval(() => {}, 1000)'], deadlineMs: 20_000, answers: async () => true };
      await withProcess(options, async ({ pid }) => { console.log(pid); process.exit(0); });`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', text], { encoding: 'utf8' });
    const pid = Number(stdout);
    expect(pid).toBeGreaterThan(1);
    for (let tries = 0; tries < 100 && alive(pid); tries += 1) await pause(50);
    expect(alive(pid)).toBe(false);
  });

  test('that never answers, or ends at once, is told, and nothing is left of it', async () => {
    const never = async () => false;
    await expect(withProcess({ ...lasting, answers: never, deadlineMs: 200 }, yes)).rejects.toThrow('did not answer');
    await expect(withProcess({ ...script('process.exit(3)'), answers: never }, yes)).rejects.toThrow('ended with 3');
  });
});
