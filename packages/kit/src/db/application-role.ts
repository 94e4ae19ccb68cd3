// What a service may do in its database: read and write rows, never change the schema. The tables belong to another role, the owner.
import pg from 'pg';

const quote = (identifier: string) => `"${identifier.replaceAll('"', '""')}"`;

/** Kysely's own tables: which migrations ran. The service reads them at start. */
const bookkeeping = ['migration', 'migration_lock'];

/**
 * Gives `role` exactly its rights on every table there is, in one transaction; run by the owner after each migration. On the tables of
 * `appendOnly` rows can be added and read, not changed or removed: even a flaw in the service cannot rewrite them.
 */
export const grantApplication = async (options: {
  url: string;
  role: string;
  appendOnly: readonly string[];
}): Promise<void> => {
  const role = quote(options.role);
  const client = new pg.Client({
    connectionString: options.url,
    connectionTimeoutMillis: 5_000,
    query_timeout: 60_000,
  });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`revoke all on schema public from public, ${role}`);
    await client.query(`revoke all on all tables in schema public from public, ${role}`);
    await client.query(`grant usage on schema public to ${role}`);
    await client.query(`grant select, insert, update, delete on all tables in schema public to ${role}`);
    await client.query(`grant usage, select on all sequences in schema public to ${role}`);
    await client.query(`grant execute on all functions in schema public to ${role}`);
    for (const table of options.appendOnly) await client.query(`revoke update, delete on ${quote(table)} from ${role}`);
    for (const table of bookkeeping)
      await client.query(`revoke insert, update, delete on ${quote(table)} from ${role}`);
    await client.query('commit');
  } finally {
    // An open transaction ends with the connection, undone.
    await client.end();
  }
};
