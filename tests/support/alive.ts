import { readFileSync } from 'node:fs';

/** Whether a process runs. One that has ended but that nobody reaps, as in a container without an init, does not. */
export const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in brackets may hold anything, so count from the last bracket.
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
};
