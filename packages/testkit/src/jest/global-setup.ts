import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { askTestServers, offerTestServers } from '../postgres/test-servers.ts';

/**
 * jest's globalSetup: names the run and offers it PostgreSQL and Kafka. Workers inherit the variables. A run of everything starts both at once, so that
 * no test's time-out has to hold their start; a run of some files starts what they ask for.
 */
export default async function setUp(
  run: { nonFlagArgs: readonly string[] },
  { rootDir }: { rootDir: string },
): Promise<void> {
  process.env.MERIDIAN_TEST_RUN = randomBytes(4).toString('hex');
  const { control } = await offerTestServers(join(rootDir, '.meridian', 'test'));
  process.env.MERIDIAN_TEST_SERVERS = control;
  if (run.nonFlagArgs.length > 0) return;
  if (!process.env.DATABASE_URL && !process.env.TEST_DATABASE_URL) await askTestServers(control, 'postgres');
  if (!process.env.KAFKA_BROKERS) await askTestServers(control, 'kafka');
}
