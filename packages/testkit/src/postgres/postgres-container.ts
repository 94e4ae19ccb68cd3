// PostgreSQL for tests as operators run it: the official image, by Testcontainers.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { Wait } from 'testcontainers';
import { labelsOf, removeContainers, sweepContainers, withoutRyukIfMissing } from '../containers/container-engine.ts';
import { LoopbackContainer } from '../containers/loopback-container.ts';
import { waitFor } from '../wait-for.ts';
import { postgresImage } from './postgres-image.ts';
import { forgetfulSettings } from './settings.ts';

export type PostgresContainer = {
  /** Superuser on the database 'postgres'. */
  adminUrl: string;
  stop(): Promise<void>;
};

const answers = async (url: string): Promise<true> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined); // the failed attempt is told by connect
  await client.connect();
  await client.end();
  return true;
};

/** Starts a server on a port of 127.0.0.1. Needs a container engine that has the image (`npm run images`). Nothing is forced to disk. */
export const startPostgresContainer = async (): Promise<PostgresContainer> => {
  await withoutRyukIfMissing();
  await sweepContainers();
  const password = randomBytes(24).toString('base64url');
  const group = `meridian-test-${randomBytes(4).toString('hex')}`;
  const container = await new LoopbackContainer(postgresImage)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withCommand(['postgres', ...forgetfulSettings()])
    .withLabels(labelsOf(group))
    .withExposedPorts(5432)
    // It is asked itself, below: while it makes its cluster it listens on a socket alone.
    .withWaitStrategy(Wait.forSuccessfulCommand('true'))
    .withStartupTimeout(120_000)
    .start();
  const stop = () => removeContainers(group);
  const adminUrl = `postgres://postgres:${password}@127.0.0.1:${container.getMappedPort(5432)}/postgres`;
  await waitFor(() => answers(adminUrl), { timeoutMs: 120_000, everyMs: 100 }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { adminUrl, stop };
};
