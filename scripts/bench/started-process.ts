// A program that is started, used while it answers, and stopped whatever happens: nothing is left running, and nothing deleted under it.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

export type StartOptions = {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Whether it can be used by now. */
  readonly answers: () => Promise<boolean>;
  readonly deadlineMs: number;
  /** How long it may take to stop before it is killed. */
  readonly stopMs?: number;
};

export type StartedProcess = {
  readonly pid: number;
  /** From the start until it answered. */
  readonly startSeconds: number;
  /** Stops it as Ctrl-C would; answers how many seconds that took. May be called again. */
  readonly stop: () => Promise<number>;
};

const untilAnswers = async (child: ChildProcess, { answers, deadlineMs }: StartOptions): Promise<void> => {
  const deadline = performance.now() + deadlineMs;
  while (!(await answers())) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`it ended with ${child.exitCode ?? child.signalCode} before it answered`);
    if (performance.now() > deadline) throw new Error(`it did not answer within ${deadlineMs / 1000} s`);
    await pause(20);
  }
};

/** Starts Node with `args`, hands it to `work` when it answers, and stops it afterwards, also when either of them fails. */
export const withProcess = async <T>(
  options: StartOptions,
  work: (started: StartedProcess) => Promise<T>,
): Promise<T> => {
  const began = performance.now();
  const child = spawn(process.execPath, options.args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  // Who ends the bench ends what it measures.
  const endAlong = () => void child.kill('SIGTERM');
  process.once('exit', endAlong);
  const stop = async () => {
    const asked = performance.now();
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), options.stopMs ?? 30_000);
    await ended;
    clearTimeout(timer);
    process.off('exit', endAlong);
    return (performance.now() - asked) / 1000;
  };
  try {
    await untilAnswers(child, options);
    return await work({ pid: child.pid as number, startSeconds: (performance.now() - began) / 1000, stop });
  } finally {
    await stop();
  }
};
