// Processor time of a process's children, from /proc (Linux).
import { readdirSync, readFileSync } from 'node:fs';

// Clock ticks of /proc are 10 ms on every Linux that Node supports (USER_HZ).
const tickMs = 10;

/** Milliseconds that the living children of `pid` have used so far. */
export const childrenCpuMs = (pid: number): number =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .reduce((sum, name) => {
      let stat: string;
      try {
        stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      } catch {
        return sum; // ended meanwhile
      }
      // Fields behind the command's name in brackets: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[1]) === pid ? sum + (Number(fields[11]) + Number(fields[12])) * tickMs : sum;
    }, 0);
