// Bench "start": an installed copy, from the command to both regions answering, and its memory after one journey per region.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profiles } from '@meridian/regions/region.ts';
import { regionPorts, sandboxPorts } from '@meridian/testkit/embedded/ports.ts';
import { runMainJob } from '../../tests/journeys/main-job.ts';
import { type Figure, figure, repetitions } from './figure.ts';
import { treeMemory } from './process-memory.ts';

const root = new URL('../../', import.meta.url).pathname;
const portBase = 14_000;
const deadlineMs = 120_000;

const regionOrigins = () =>
  Object.keys(profiles).map((_, index) => `http://127.0.0.1:${regionPorts(portBase, index).api}`);

const answers = (origin: string) =>
  fetch(`${origin}/v1/region`, { signal: AbortSignal.timeout(1_000) }).then(
    (response) => response.ok,
    () => false,
  );

/** Starts a copy as a person would and resolves when every region answers. */
const startCopy = async (dataDir: string) => {
  const began = performance.now();
  const child = spawn(process.execPath, ['scripts/run.mjs', 'start'], {
    cwd: root,
    env: { ...process.env, MERIDIAN_PORT_BASE: String(portBase), MERIDIAN_DATA_DIR: dataDir },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  for (const origin of regionOrigins()) {
    while (!(await answers(origin))) {
      if (child.exitCode !== null) throw new Error(`the copy ended with ${child.exitCode}`);
      if (performance.now() - began > deadlineMs) throw new Error(`${origin} did not answer in ${deadlineMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const seconds = (performance.now() - began) / 1000;
  const stop = async () => {
    const asked = performance.now();
    child.kill('SIGINT');
    await ended;
    return (performance.now() - asked) / 1000;
  };
  return { seconds, pid: child.pid as number, stop };
};

const megabyte = 1_000_000;

/** Measures; each repetition begins with an empty data folder. */
export const startBench = async (progress: (line: string) => void): Promise<Figure[]> => {
  const first: number[] = [];
  const again: number[] = [];
  const stopping: number[] = [];
  const idle: number[] = [];
  const used: number[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const dataDir = mkdtempSync(join(tmpdir(), 'meridian-bench-'));
    try {
      const fresh = await startCopy(dataDir);
      first.push(fresh.seconds);
      idle.push(treeMemory(fresh.pid) / megabyte);
      for (const base of regionOrigins())
        await runMainJob({ base, sandbox: `http://127.0.0.1:${sandboxPorts(portBase).http}` }, () => undefined);
      used.push(treeMemory(fresh.pid) / megabyte);
      stopping.push(await fresh.stop());
      const warm = await startCopy(dataDir);
      again.push(warm.seconds);
      await warm.stop();
      progress(
        `start ${repetition}/${repetitions}: first ${first.at(-1)?.toFixed(2)} s, again ${again.at(-1)?.toFixed(2)} s, ${used.at(-1)?.toFixed(0)} MB`,
      );
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }
  return [
    figure('start', 'first_start', first, 's', '<= 8'),
    figure('start', 'start_again', again, 's', '<= 8'),
    figure('start', 'stop', stopping, 's', null),
    figure('start', 'memory_idle_pss', idle, 'MB', null),
    figure('start', 'memory_after_journeys_pss', used, 'MB', '<= 500'),
  ];
};
