// A whole Meridian on one machine: embedded PostgreSQL, the sandbox, and one stack per region, in one process.
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Profile } from '@meridian/regions/profile.ts';
import { startSandbox } from '@meridian/sandbox/sandbox.ts';
import { type RunningPostgres, startPostgres } from '../postgres/start-postgres.ts';
import { hasServiceRoles } from './databases.ts';
import { explainDatabaseEnd, explainFailure } from './explain-failure.ts';
import { allPorts, regionPorts, sandboxPorts } from './ports.ts';
import { type RunningRegion, startRegion } from './region-stack.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { embeddedSecrets } from './secrets.ts';
import { StartError } from './start-error.ts';

export type EmbeddedOptions = {
  readonly dataDir: string;
  readonly portBase: number;
  readonly profiles: readonly Profile[];
  /** One line per stage of the start, for a person. */
  readonly progress?: (line: string) => void;
  /** false for tests: nothing is forced to disk. */
  readonly durable?: boolean;
  readonly logLevel?: string;
  /** Events by this address (kafka://…, its topics there) instead of the Postgres event log: to measure both transports. */
  readonly busUrl?: string;
};

type Part = { readonly stop: () => Promise<void> };

const portIsFree = (port: number) =>
  new Promise<boolean>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/** The first port of this copy that something else listens on. */
const takenPort = async (ports: readonly number[]) => {
  for (const port of ports) if (!(await portIsFree(port))) return port;
  return undefined;
};

/** Addresses that a region has on this machine. */
const localAddresses = (base: number, index: number) => {
  const ports = regionPorts(base, index);
  return {
    api: `http://127.0.0.1:${ports.api}`,
    baseUrls: { payg: `http://127.0.0.1:${ports.gateway}/v1`, plan: null },
  };
};

/** Stops the parts in order, each even if one before it failed; throws the first failure at the end. */
const stopAll = async (parts: readonly Part[]) => {
  const failures: unknown[] = [];
  for (const part of parts) await part.stop().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
};

/** Starts everything; throws StartError or PostgresError with one clear sentence, and leaves nothing running then. */
export const startEmbedded = async (options: EmbeddedOptions) => {
  const { dataDir, portBase, profiles, progress = () => undefined } = options;
  const running: Part[] = [];
  const stop = () => stopAll(running.splice(0).reverse());
  let postgres: RunningPostgres | undefined;
  try {
    const taken = await takenPort(allPorts(portBase, profiles.length));
    if (taken !== undefined)
      throw new StartError(
        'port_in_use',
        `Port ${taken} is in use by another program: stop it, or choose other ports with MERIDIAN_PORT_BASE (now ${portBase}).`,
      );
    progress('starting PostgreSQL');
    const server = await startPostgres({ dataDir: join(dataDir, 'postgres'), durable: options.durable ?? true });
    postgres = server;
    running.push({ stop: () => server.stop() });

    const secrets = await embeddedSecrets(dataDir, {
      regions: profiles.map((p) => p.id),
      inUse: await hasServiceRoles(server),
    });
    progress('starting the sandbox');
    const ports = sandboxPorts(portBase);
    const sandboxDir = join(dataDir, 'sandbox');
    const sandbox = await startSandbox(sandboxConfig(secrets.sandbox, ports, profiles, sandboxDir, progress));
    running.push({ stop: () => sandbox.stop() });

    const directory = Object.fromEntries(
      profiles.map((p, i) => [p.id, { name: p.name, addresses: localAddresses(portBase, i) }]),
    );
    progress(`starting ${profiles.length} regions`);
    const started = await Promise.allSettled(
      profiles.map((profile, index) =>
        startRegion({
          profile,
          directory,
          ports: regionPorts(portBase, index),
          postgres: server,
          secrets,
          sandbox,
          logLevel: options.logLevel ?? 'warn',
          ...(options.busUrl && { busUrl: options.busUrl }),
        }),
      ),
    );
    const regions: RunningRegion[] = [];
    for (const outcome of started) {
      if (outcome.status === 'fulfilled') {
        regions.push(outcome.value);
        running.push({ stop: outcome.value.stop });
      }
    }
    const failed = started.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    /** Settles when PostgreSQL has ended, with why in one sentence. */
    const databaseEnded = server.exited.then(() => explainDatabaseEnd(dataDir, server).message);
    return { regions, sandbox: sandbox.origin, databaseEnded, stop };
  } catch (error) {
    const failure = explainFailure(error, { dataDir, postgres });
    await stop().catch(() => undefined); // What stops badly now does so because of what failed before.
    throw failure;
  }
};
export type Embedded = Awaited<ReturnType<typeof startEmbedded>>;
