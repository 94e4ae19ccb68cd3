// The container stack of both regions as an operator brings it up, under a project and a folder of secrets of its own, and gone without a trace.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectOf, sweepContainers } from '@meridian/testkit/containers/container-engine.ts';
import { Agent, request } from 'undici';
import { lookupLocalhost } from './reach-stack.ts';

const root = new URL('../../', import.meta.url).pathname;
const regions = ['cn', 'global'] as const;
export type StackRegion = (typeof regions)[number];

export type Outcome = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a program to its end; never throws for its exit code. */
export const outcomeOf = async (
  command: string,
  args: readonly string[],
  options: { env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Outcome> => {
  const { timeoutMs = 120_000, env } = options;
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      maxBuffer: 20_000_000,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed = error as { code?: number | string; stdout?: string; stderr?: string; message: string };
    // A program that is not there, or was ended for its time, has no exit code of its own.
    if (typeof failed.code !== 'number') throw error;
    return { code: failed.code, stdout: failed.stdout ?? '', stderr: failed.stderr ?? '' };
  }
};

const must = async (
  what: string,
  command: string,
  args: readonly string[],
  options: Parameters<typeof outcomeOf>[2] = {},
) => {
  const { code, stdout, stderr } = await outcomeOf(command, args, options);
  if (code !== 0)
    throw new Error(`${what} ended with ${code}: ${(stderr || stdout).trim().split('\n').slice(-15).join('\n')}`);
  return stdout;
};

/** A script of this repository, on the Node that runs the test. */
const script = (name: string, ...args: string[]) => [join(root, 'scripts', `${name}.ts`), ...args];

const addresses: Record<StackRegion, string> = {
  cn: 'https://api.cn.localhost:8443',
  global: 'https://api.global.localhost:9443',
};
export const sandboxAddress = 'https://sandbox.localhost:7443';

export const createComposeStack = (project = projectOf('test')) => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-regions-'));
  // Nobody is served by what is stopped here: its pause for balancers is tested in the kit, and would be waited for at every new container.
  const env = { MERIDIAN_REGIONS: folder, STOP_PAUSE_MS: '500' };
  const compose = (...args: string[]) => ['compose', '-p', project, ...args];
  const caFile = join(folder, 'sandbox', 'container', 'trust.crt');
  return {
    project,
    folder,
    caFile,
    addresses,
    /** Images, then secrets and certificates of both regions: what a machine needs once. A stack that a run left when it was cut off holds our ports. */
    prepare: async () => {
      await sweepContainers();
      await must('npm run images', process.execPath, script('images'), { timeoutMs: 1_200_000 });
      await must('npm run image', process.execPath, script('image'), { timeoutMs: 600_000 });
      for (const id of regions)
        await must('npm run region', process.execPath, script('region', 'init', id, '--sandbox', '--into', folder));
    },
    /** A line of commands as an operator types it at the root of the repository, for this project and folder. */
    line: (text: string) =>
      must(text, 'bash', ['-c', text], { env: { ...env, COMPOSE_PROJECT_NAME: project }, timeoutMs: 1_200_000 }),
    /** Resolves when every container is healthy. */
    up: async (...args: string[]) => {
      const failed = await must(
        'docker compose up',
        'docker',
        compose('up', '--detach', '--wait', '--quiet-pull', ...args),
        {
          env,
          timeoutMs: 1_200_000,
        },
      ).then(
        () => undefined,
        (error: Error) => error,
      );
      if (!failed) return;
      const { stdout } = await outcomeOf('docker', compose('logs', '--tail', '5', '--no-color'), { env });
      throw new Error(`${failed.message}\n${stdout.slice(-8_000)}`);
    },
    /** The main job against one region; throws with its steps when one fails. */
    journey: (id: StackRegion) =>
      must(
        `the journey in ${id}`,
        process.execPath,
        script('journey', '--base', addresses[id], '--sandbox', sandboxAddress, '--ca', caFile),
        {
          timeoutMs: 300_000,
        },
      ),
    /** A request at a region's public origin, from this machine. */
    ask: async (
      id: StackRegion,
      path: string,
      parts: { method?: string; headers?: Record<string, string>; body?: string } = {},
    ) => {
      const ca = readFileSync(caFile, 'utf8');
      const dispatcher = new Agent({ connect: { lookup: lookupLocalhost, ca } });
      const method = (parts.method ?? 'GET') as 'GET';
      const { statusCode, headers, body } = await request(addresses[id] + path, { ...parts, method, dispatcher });
      const text = await body.text();
      await dispatcher.close();
      return { status: statusCode, headers, body: text === '' ? undefined : JSON.parse(text) };
    },
    compose: (...args: string[]) => outcomeOf('docker', compose(...args), { env }),
    /** Runs a program in a running container. */
    exec: (container: string, ...command: string[]) =>
      outcomeOf('docker', compose('exec', '-T', container, ...command), { env }),
    /** A further container of a service, with other settings, until it ends. */
    runOnce: (container: string, settings: Record<string, string>, volumes: readonly string[] = []) =>
      outcomeOf(
        'docker',
        compose(
          'run',
          '--rm',
          '--no-deps',
          '-T',
          ...Object.entries(settings).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
          ...volumes.flatMap((volume) => ['-v', volume]),
          container,
        ),
        { env, timeoutMs: 180_000 },
      ),
    /** SQL as the superuser of a service's database, on the container's own socket. */
    sql: (container: string, database: string, text: string) =>
      must(
        `psql in ${container}`,
        'docker',
        compose(
          'exec',
          '-T',
          container,
          'gosu',
          'postgres',
          'psql',
          '-qAt',
          '-v',
          'ON_ERROR_STOP=1',
          '-d',
          database,
          '-c',
          text,
        ),
        { env },
      ),
    /** Running containers with their addresses in every network. */
    containers: async (): Promise<{ name: string; addresses: string[] }[]> => {
      const ids = (
        await must('docker ps', 'docker', ['ps', '-q', '--filter', `label=com.docker.compose.project=${project}`])
      )
        .split('\n')
        .filter(Boolean);
      const text = await must('docker inspect', 'docker', ['inspect', ...ids]);
      return (
        JSON.parse(text) as {
          Config: { Labels: Record<string, string> };
          NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
        }[]
      ).map(({ Config, NetworkSettings }) => ({
        name: Config.Labels['com.docker.compose.service'] as string,
        addresses: Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress),
      }));
    },
    /** Bytes of memory in use by container, without the page cache. */
    memory: async (): Promise<Map<string, number>> => {
      const units: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
      const { stdout } = await outcomeOf(
        'docker',
        compose('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}'),
        { env },
      );
      return new Map(
        [...stdout.matchAll(/^(\S+)-\d+ ([0-9.]+)([KMG]?i?B) /gm)].map(([, name, amount, unit]) => [
          (name as string).slice(project.length + 1),
          Number(amount) * (units[unit as string] as number),
        ]),
      );
    },
    /** Removes containers, networks, volumes and secrets; returns what is left all the same. */
    down: async (): Promise<string> => {
      await outcomeOf('docker', compose('down', '--volumes', '--remove-orphans', '--timeout', '5'), {
        env,
        timeoutMs: 180_000,
      });
      rmSync(folder, { recursive: true, force: true });
      const filter = ['--filter', `label=com.docker.compose.project=${project}`, '-q'];
      const left = await Promise.all(
        [
          ['ps', '-a'],
          ['volume', 'ls'],
          ['network', 'ls'],
        ].map((list) => must('docker', 'docker', [...list, ...filter])),
      );
      return left.join('').trim();
    },
  };
};
export type ComposeStack = ReturnType<typeof createComposeStack>;

/** Whether this machine can run the stacks: a Docker engine that answers, with compose 2. */
export const composeAvailable = async (): Promise<boolean> => {
  const answers = await Promise.all([
    outcomeOf('docker', ['info'], { timeoutMs: 120_000 }),
    outcomeOf('docker', ['compose', 'version'], { timeoutMs: 120_000 }),
  ]).catch(() => [{ code: 1 }]); // No docker program at all.
  return answers.every(({ code }) => code === 0);
};
