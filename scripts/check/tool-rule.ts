import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Breach, Rule } from './rule.ts';

/** A rule judged by a tool: what it says is the breach when it ends with anything but 0. Not asked when `onlyIf` is missing. */
export function toolRule(name: string, command: string, args: string[], onlyIf?: string): Rule {
  return {
    name,
    async find(root): Promise<Breach[]> {
      if (onlyIf !== undefined && !existsSync(join(root, onlyIf))) return [];
      const { status, output } = await run(root, command, args);
      return status === 0 ? [] : [{ message: output.trim() || `${command} ended with ${status}` }];
    },
  };
}

function run(root: string, command: string, args: string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    child.once('error', fail);
    child.once('close', (status) => done({ status, output }));
  });
}
