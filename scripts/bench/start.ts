// Bench "start": an installed copy, from the command to both regions answering, and its memory after one journey per region.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profiles } from '@meridian/regions/region.ts';
import { regionPorts, sandboxPorts } from '@meridian/testkit/embedded/ports.ts';
import { runMainJob } from '../../tests/journeys/main-job.ts';
import type { Bench, Progress } from './bench.ts';
import { type Figure, figure, repetitions } from './figure.ts';
import { treeMemory } from './process-memory.ts';
import { type StartedProcess, withProcess } from './started-process.ts';

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

/** Starts a copy as a person would; it can be used when every region answers, and is stopped before its data goes. */
const withCopy = <T>(dataDir: string, work: (copy: StartedProcess) => Promise<T>): Promise<T> =>
  withProcess(
    {
      args: ['scripts/run.mjs', 'start'],
      cwd: root,
      env: { ...process.env, MERIDIAN_PORT_BASE: String(portBase), MERIDIAN_DATA_DIR: dataDir },
      answers: async () => (await Promise.all(regionOrigins().map(answers))).every(Boolean),
      deadlineMs,
    },
    work,
  );

const megabyte = 1_000_000;

/** Measures; each repetition begins with an empty data folder. */
const measure = async (progress: Progress): Promise<Figure[]> => {
  const first: number[] = [];
  const again: number[] = [];
  const stopping: number[] = [];
  const idle: number[] = [];
  const used: number[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const dataDir = mkdtempSync(join(tmpdir(), 'meridian-bench-'));
    try {
      await withCopy(dataDir, async (copy) => {
        first.push(copy.startSeconds);
        idle.push(treeMemory(copy.pid) / megabyte);
        for (const base of regionOrigins())
          await runMainJob({ base, sandbox: `http://127.0.0.1:${sandboxPorts(portBase).http}` }, () => undefined);
        used.push(treeMemory(copy.pid) / megabyte);
        stopping.push(await copy.stop());
      });
      await withCopy(dataDir, async (copy) => void again.push(copy.startSeconds));
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

export const startBench: Bench = {
  name: 'start',
  budgeted: ['first_start', 'start_again', 'memory_after_journeys_pss'],
  measure,
};
