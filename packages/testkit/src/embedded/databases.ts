// One database and one role per service; the event log has a database that all services of its region use, and no other region's.
import { type ServiceName, serviceNames } from '@meridian/contracts/endpoint.ts';
import pg from 'pg';
import type { RunningPostgres } from '../postgres/start-postgres.ts';
import type { RegionSecrets } from './secrets.ts';

const quote = (identifier: string) => `"${identifier.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

const nameOf = (region: string, what: string) => `${region}_${what.replaceAll('-', '_')}`;

const ensure = async (admin: pg.Client, name: string, password: string, others: readonly string[]) => {
  const { rowCount: hasRole } = await admin.query('select 1 from pg_roles where rolname = $1', [name]);
  if (!hasRole) await admin.query(`create role ${quote(name)} login password ${literal(password)}`);
  const { rowCount: hasDatabase } = await admin.query('select 1 from pg_database where datname = $1', [name]);
  if (!hasDatabase) await admin.query(`create database ${quote(name)} owner ${quote(name)}`);
  await admin.query(`revoke connect on database ${quote(name)} from public`);
  for (const other of others) await admin.query(`grant connect on database ${quote(name)} to ${quote(other)}`);
};

const asAdmin = async <T>(postgres: RunningPostgres, work: (admin: pg.Client) => Promise<T>): Promise<T> => {
  const admin = new pg.Client({ connectionString: postgres.adminUrl });
  admin.on('error', () => undefined); // The running query fails with the same error.
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
};

/** Whether roles with passwords were made before; without those passwords their databases cannot be opened. */
export const hasServiceRoles = (postgres: RunningPostgres): Promise<boolean> =>
  asAdmin(postgres, async (admin) => {
    const { rowCount } = await admin.query('select 1 from pg_roles where rolcanlogin and not rolsuper limit 1');
    return rowCount !== 0;
  });

export type RegionDatabases = { readonly urlOf: (service: ServiceName) => string; readonly busUrl: string };

/** Creates what is missing of a region's roles and databases. */
export const ensureDatabases = async (
  postgres: RunningPostgres,
  region: string,
  secrets: RegionSecrets,
): Promise<RegionDatabases> => {
  const services = serviceNames.filter((name) => name !== 'gateway');
  const role = (what: string, password: string) => ({ user: nameOf(region, what), password });
  await asAdmin(postgres, async (admin) => {
    for (const service of services)
      await ensure(admin, nameOf(region, service), secrets.databasePasswords[service], []);
    await ensure(admin, nameOf(region, 'bus'), secrets.busPassword, []);
  });
  return {
    urlOf: (service) => postgres.url(nameOf(region, service), role(service, secrets.databasePasswords[service])),
    busUrl: postgres.url(nameOf(region, 'bus'), role('bus', secrets.busPassword)),
  };
};
