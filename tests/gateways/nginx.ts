// Debian's nginx with our template, in a folder of its own.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@meridian/testkit/free-port.ts';

const template = new URL('../../infra/gateway/nginx/meridian.conf.template', import.meta.url);

/** The program, or undefined where there is none. Debian keeps it outside an ordinary user's path. */
export const findNginx = (): string | undefined =>
  ['nginx', '/usr/sbin/nginx', '/usr/local/sbin/nginx'].find((path) => spawnSync(path, ['-v']).status === 0);

export type NginxOptions = {
  readonly program: string;
  readonly keyIssuance: string;
  readonly model: string;
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
};

/** Fills the template as the official image does and starts nginx on the loopback interface. */
export const startNginx = async ({ program, keyIssuance, model, tls }: NginxOptions) => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-nginx-'));
  const port = await freePort();
  const values: Record<string, string> = {
    MERIDIAN_LISTEN: `127.0.0.1:${port}`,
    MERIDIAN_KEY_ISSUANCE: keyIssuance,
    MERIDIAN_TLS_DIR: folder,
    MERIDIAN_PRODUCT: 'payg',
    MODEL_UPSTREAM: model,
  };
  const filled = readFileSync(template, 'utf8').replaceAll(
    /\$\{(\w+)\}/g,
    (whole, name: string) => values[name] ?? whole,
  );
  writeFileSync(join(folder, 'meridian.conf'), filled);
  writeFileSync(join(folder, 'gateway.crt'), tls.cert);
  writeFileSync(join(folder, 'gateway.key'), tls.key);
  writeFileSync(join(folder, 'ca.crt'), tls.ca);
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${folder}/${n};`);
  const main = [
    // As root, nginx would hand its scratch folders to a user that cannot enter ours.
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    'daemon off; worker_processes 1;',
    `pid ${folder}/pid; error_log stderr warn;`,
    'events { worker_connections 256; }',
    `http { access_log off; ${scratch.join(' ')} include ${folder}/meridian.conf; }`,
  ];
  writeFileSync(join(folder, 'nginx.conf'), `${main.join('\n')}\n`);
  const url = `http://127.0.0.1:${port}`;
  // Outside /v1/ the door answers 404 by itself.
  return { url, ...(await runNginx(program, folder, () => fetch(url))) };
};

/** Runs nginx with the nginx.conf of `folder` until it is stopped, and removes the folder; resolves when `asked` does. */
export const runNginx = async (program: string, folder: string, asked: () => Promise<unknown>) => {
  const child = spawn(program, ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const until = Date.now() + 60_000;
  while (
    !(await asked().then(
      () => true,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`nginx does not answer: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    errors: () => said,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
