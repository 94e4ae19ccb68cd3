import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 10;

/** What the server wrote into its postmaster.pid: line 1 is its process id, line 8 its state ('starting', 'ready', 'stopping'). */
export function readPostmaster(cluster: string): { pid: number; state: string } | undefined {
  try {
    const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isSafeInteger(pid) && pid > 1 ? { pid, state: (lines[7] ?? '').trim() } : undefined;
  } catch {
    return undefined; // No such file: nothing runs, or nothing was written yet.
  }
}

/** True when the process is a PostgreSQL at work in this cluster: a process id alone may have been given to someone else. */
export function worksIn(pid: number, cluster: string): boolean {
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-p', `${pid}`, '-o', 'command='])
        .toString()
        .includes(cluster);
    if (readlinkSync(`/proc/${pid}/cwd`) !== cluster) return false;
    return /(^|\/)postgres(:|$)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? '');
  } catch {
    return false; // Gone, or not ours to look at.
  }
}

function allIn(cluster: string): number[] {
  if (process.platform !== 'linux') return [];
  const numbers = readdirSync('/proc').map(Number);
  return numbers.filter((pid) => Number.isSafeInteger(pid) && worksIn(pid, cluster));
}

/**
 * Ends what a killed run left behind. Its server is stopped properly. Servers that lost their postmaster end by themselves and are
 * waited for, as they could still write. Then a postmaster.pid that names nobody of ours cannot stop the next start.
 */
export async function stopOrphan(cluster: string, deadlineMs: number): Promise<boolean> {
  const left = readPostmaster(cluster);
  if (left === undefined) return false;
  const alive = worksIn(left.pid, cluster);
  if (alive) await endProcess(left.pid, () => !worksIn(left.pid, cluster), deadlineMs);
  if (!(await until(() => allIn(cluster).length === 0, deadlineMs)))
    for (const pid of allIn(cluster)) signal(pid, 'SIGKILL');
  await until(() => allIn(cluster).length === 0, deadlineMs);
  rmSync(join(cluster, 'postmaster.pid'), { force: true });
  return alive;
}

/** Fast shutdown; after the deadline immediate shutdown (recovery at the next start); at last no mercy. */
export async function endProcess(pid: number, gone: () => boolean, deadlineMs: number): Promise<void> {
  for (const name of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (gone()) return;
    signal(pid, name);
    if (await until(gone, deadlineMs)) return;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone in the meantime, which is what was wanted.
  }
}

/** Waits for a condition; false when it did not come true in time. */
export async function until(condition: () => boolean, deadlineMs: number): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) return false;
    await pause(POLL_MS);
  }
  return true;
}
