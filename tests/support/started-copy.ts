// npm start in a process of its own, as a person runs it: what it says, which processes it has, how it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { alive } from './alive.ts';
import { freePortBase } from './free-ports.ts';

export const root = new URL('../../', import.meta.url).pathname;

export type StartOptions = {
  /** Without it the copy keeps its data where it would by itself, below `cwd`. */
  readonly dataDir?: string;
  readonly cwd?: string;
  readonly base?: number;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Put before the command, such as `unshare`; `script` then names run.mjs as it is found behind it. */
  readonly prefix?: readonly string[];
  readonly script?: string;
  readonly run?: { readonly uid?: number; readonly gid?: number };
};

export type StartedCopy = {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly base: number;
  readonly exit: Promise<number | null>;
};

/** Starts copies and makes folders; `clear` ends and removes them all. One per test file. */
export const startedCopies = () => {
  const folders: string[] = [];
  const copies: StartedCopy[] = [];
  return {
    newFolder: () => {
      const folder = mkdtempSync(join(tmpdir(), 'meridian-start-'));
      folders.push(folder);
      return folder;
    },
    begin: async (options: StartOptions): Promise<StartedCopy> => {
      const base = options.base ?? (await freePortBase(2));
      const script = options.script ?? join(root, 'scripts/run.mjs');
      const words = [...(options.prefix ?? []), process.execPath, script, 'start', ...(options.args ?? [])];
      const [command = '', ...args] = words;
      const { MERIDIAN_DATA_DIR: _, ...env } = process.env;
      const child = spawn(command, args, {
        cwd: options.cwd ?? root,
        env: {
          ...env,
          ...(options.dataDir !== undefined && { MERIDIAN_DATA_DIR: options.dataDir }),
          MERIDIAN_PORT_BASE: String(base),
          ...options.env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...options.run,
      });
      let text = '';
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk));
      const exit = new Promise<number | null>((resolve) => child.once('close', resolve)); // All output is there then.
      const copy = { child, output: () => text, base, exit };
      copies.push(copy);
      return copy;
    },
    clear: async () => {
      for (const copy of copies.splice(0)) {
        if (copy.child.exitCode === null) copy.child.kill('SIGTERM');
        await copy.exit;
      }
      for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Waits until the copy has said something; fails when it ends, or says nothing of the kind in three minutes. */
export const untilSaid = async (copy: StartedCopy, wanted: RegExp, times = 1): Promise<StartedCopy> => {
  const deadline = performance.now() + 180_000;
  while ((copy.output().match(new RegExp(wanted, 'gm')) ?? []).length < times) {
    if (copy.child.exitCode !== null || performance.now() > deadline)
      throw new Error(`it never said ${wanted}:\n${copy.output()}`);
    await pause(50);
  }
  return copy;
};

export const ready = (copy: StartedCopy) => untilSaid(copy, /^ready /, 2);

/** Those of the processes that are still there after 20 seconds. */
export const stillThere = async (pids: readonly number[]): Promise<number[]> => {
  const deadline = performance.now() + 20_000;
  while (pids.some(alive) && performance.now() < deadline) await pause(50);
  return pids.filter(alive);
};
