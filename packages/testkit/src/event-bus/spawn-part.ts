import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Orders } from './child.ts';

/** Plays a part in a process of its own; resolves with what ended it ('SIGKILL' when its failpoint was hit). Killed after `deadlineMs`. */
export const spawnPart = (orders: Orders, deadlineMs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    // VM modules are jest's own matter; the child runs plain Node.
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('./child.ts', import.meta.url)), JSON.stringify(orders)],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '' },
      },
    );
    const timer = setTimeout(() => {
      child.kill('SIGTERM');
    }, deadlineMs);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(signal ?? `exit ${code}`);
    });
  });
