import { describe, expect, test } from '@jest/globals';
import { type StartOptions, withProcess } from './started-process.ts';

const script = (text: string) => ({ args: ['--eval', text], deadlineMs: 20_000 });
const lasting = script('setInterval(() => {}, 1000)');
const yes = async () => true;

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

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

  test('is killed when it does not stop', async () => {
    const deaf = script("process.on('SIGINT', () => {}); setInterval(() => {}, 1000)");
    let asked = 0;
    // Once it runs, it hears nothing: half a second is enough for that.
    const answers = async () => ++asked > 25;
    const options: StartOptions = { ...deaf, answers, stopMs: 200 };
    const pid = await withProcess(options, async (started) => started.pid);
    expect(alive(pid)).toBe(false);
  });

  test('that never answers, or ends at once, is told, and nothing is left of it', async () => {
    const never = async () => false;
    await expect(withProcess({ ...lasting, answers: never, deadlineMs: 200 }, yes)).rejects.toThrow('did not answer');
    await expect(withProcess({ ...script('process.exit(3)'), answers: never }, yes)).rejects.toThrow('ended with 3');
  });
});
