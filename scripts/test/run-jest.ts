// Jest as a process of its own, which ends in any case.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Jest writes its report when all is said; then it ends by itself, unless a test left something open. */
const endWithinMs = 30_000;
const lookEveryMs = 500;

export type JestRun = {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly reportFile: string;
  /** Which of the jests of a run it is: each draws ports from a range of its own (`@meridian/testkit/free-port.ts`). */
  readonly lane?: number;
  readonly endWithinMs?: number;
};

/**
 * The exit code; 1 when it had to be killed, which is told. Its standard output is thrown away: the report goes to the file, and jest says all else on
 * standard error. SIGINT and SIGTERM are handed on.
 */
export const runJest = async (run: JestRun): Promise<number> => {
  const jest = spawn(process.execPath, run.args, {
    cwd: run.cwd,
    stdio: ['inherit', 'ignore', 'inherit'],
    env: { ...process.env, MERIDIAN_TEST_LANE: String(run.lane ?? 0) },
  });
  const handOn = (signal: NodeJS.Signals) => jest.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, handOn);
  let reportedAt: number | undefined;
  const watch = setInterval(() => {
    if (!existsSync(run.reportFile)) return;
    reportedAt ??= performance.now();
    if (performance.now() - reportedAt < (run.endWithinMs ?? endWithinMs)) return;
    console.error('jest did not end after its last test, as something that a test opened is still open: it is killed');
    jest.kill('SIGKILL');
  }, lookEveryMs);
  try {
    return await new Promise<number>((done, fail) => {
      jest.once('error', fail);
      jest.once('exit', (code) => done(code ?? 1));
    });
  } finally {
    clearInterval(watch);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, handOn);
  }
};
