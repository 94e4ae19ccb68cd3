import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { offerTestServer } from '../postgres/test-server.ts';

/** jest's globalSetup: names the run and offers it an embedded PostgreSQL, unless a server is given. Workers inherit the variables. */
export default async function setUp(config: { rootDir: string }): Promise<void> {
  process.env.MERIDIAN_TEST_RUN = randomBytes(4).toString('hex');
  if (process.env.DATABASE_URL || process.env.TEST_DATABASE_URL) return;
  const server = await offerTestServer(join(config.rootDir, '.meridian', 'test'));
  process.env.MERIDIAN_TEST_SERVER = server.control;
}
