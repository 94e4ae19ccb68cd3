import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { offerTestServers } from '../postgres/test-servers.ts';

/** jest's globalSetup: names the run and offers it PostgreSQL and Kafka, each started when first asked for. Workers inherit the variables. */
export default async function setUp(config: { rootDir: string }): Promise<void> {
  process.env.MERIDIAN_TEST_RUN = randomBytes(4).toString('hex');
  const { control } = await offerTestServers(join(config.rootDir, '.meridian', 'test'));
  process.env.MERIDIAN_TEST_SERVERS = control;
}
