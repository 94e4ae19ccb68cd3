import { dropTestDatabases } from '../postgres/test-database.ts';
import { askTestServer } from '../postgres/test-server.ts';

/** jest's globalTeardown: the embedded server goes with its folder; on a given server only this run's databases go. */
export default async function tearDown(): Promise<void> {
  const given = process.env.DATABASE_URL || process.env.TEST_DATABASE_URL;
  if (given) await dropTestDatabases(given);
  const control = process.env.MERIDIAN_TEST_SERVER;
  if (control) await askTestServer(control, 'stop');
}
