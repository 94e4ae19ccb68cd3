// What the processes of bench "keys" say to each other over Node's IPC.
import { type ChildProcess, fork } from 'node:child_process';

export type ServerReport = { readonly url: string; readonly publicUrl?: string };
/** CPU time of a process so far, microseconds. */
export type CpuReport = { readonly cpu: number };

export type LoadJob = {
  readonly url: string;
  readonly path: string;
  readonly token: string;
  /** File with one request body per line. */
  readonly bodies: string;
  /** Which body each next request carries: indexes drawn in turn by every connection. */
  readonly order: readonly number[];
  readonly connections: number;
  readonly seconds: number;
  readonly maxRequests: number;
  /** At most so many calls a second; absent: as many as the connections carry. */
  readonly perSecond?: number;
};
export type LoadReport = {
  readonly requests: number;
  readonly seconds: number;
  readonly valid: number;
  readonly failed: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
};

export type Child = {
  readonly ask: <T>(message: unknown) => Promise<T>;
  readonly stop: () => Promise<void>;
  readonly pid: number;
};

/** Starts one of the bench's programs; it must answer every message with one. Its first answer is to the empty message `start`. */
export const startChild = (file: string, execArgv: readonly string[] = []): Child => {
  const child: ChildProcess = fork(new URL(file, import.meta.url), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning', ...execArgv],
    serialization: 'advanced',
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid as number,
    ask: <T>(message: unknown) =>
      new Promise<T>((resolve, reject) => {
        const over = () => reject(new Error(`${file} ended before it answered`));
        child.once('exit', over);
        child.once('message', (answer: { error?: string; value: T }) => {
          child.off('exit', over);
          if (answer.error === undefined) resolve(answer.value);
          else reject(new Error(`${file}: ${answer.error}`));
        });
        child.send(message as object);
      }),
    stop: async () => {
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(timer);
    },
  };
};

/** The other side of `startChild`. Ends the process when the bench is gone. */
export const answerParent = (answer: (message: never) => Promise<unknown>, stop: () => Promise<void>): void => {
  process.on('message', (message) => {
    answer(message as never).then(
      (value) => process.send?.({ value }),
      (error: unknown) =>
        process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.once('disconnect', () => {
    void stop().finally(() => process.exit(0));
  });
};

export const cpuSoFar = (): CpuReport => {
  const { user, system } = process.cpuUsage();
  return { cpu: user + system };
};
