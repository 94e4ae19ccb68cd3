// Memory of a process and everything it started, as the kernel accounts it.
import { readdirSync, readFileSync } from 'node:fs';

const parentOf = (pid: string): number | undefined => {
  try {
    // The second field is the command in brackets and may hold anything, so count from the last bracket.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined; // It ended between the listing and the reading.
  }
};

const pssOf = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It ended meanwhile.
  }
};

/** `root` and all its descendants. */
export const processTree = (root: number): number[] => {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const);
  const tree = [root];
  for (const pid of tree) tree.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child));
  return tree;
};

/** Proportional set size of a process tree in bytes: shared pages count once, divided among those who share them. Linux only. */
export const treeMemory = (root: number): number => processTree(root).reduce((sum, pid) => sum + pssOf(pid), 0);
