// Runs a program of the machine and says clearly what failed.
import { spawn } from 'node:child_process';

export class CommandError extends Error {
  readonly code = 'command_failed';
}

/** Resolves with standard output. Throws CommandError with the last lines of standard error; a missing program is named. */
export const run = (
  command: string,
  args: readonly string[],
  options: { timeoutMs?: number; input?: NodeJS.ReadableStream; cwd?: string } = {},
): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: [options.input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      cwd: options.cwd,
    });
    let out = '';
    let err = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      out = (out + chunk).slice(-1_000_000);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      err = (err + chunk).slice(-4_000);
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          error.code === 'ENOENT' ? `the program "${command}" is not installed` : `${command}: ${error.message}`,
        ),
      ),
    );
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(out);
      reject(
        new CommandError(
          `${command} ${args.slice(0, 3).join(' ')} … ended with ${signal ?? code}: ${(err || out).trim().split('\n').slice(-5).join(' | ')}`,
        ),
      );
    });
    if (options.input && child.stdin) options.input.pipe(child.stdin);
  });
