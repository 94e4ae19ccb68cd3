import { dropTestDatabases } from '../postgres/test-database.ts';
import { askTestServers } from '../postgres/test-servers.ts';

/** jest's globalTeardown: servers of the run go with it; on a given server only this run's databases go. */
export default async function tearDown(): Promise<void> {
  const given = process.env.DATABASE_URL || process.env.TEST_DATABASE_URL;
  if (given) await dropTestDatabases(given);
  const control = process.env.MERIDIAN_TEST_SERVERS;
  if (control) await askTestServers(control, 'stop');
}
