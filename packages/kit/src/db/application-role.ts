// What a service may do in its database: read and write rows, never change the schema. The tables belong to another role, the owner.
import { connected } from './connections.ts';

const quote = (identifier: string) => `"${identifier.replaceAll('"', '""')}"`;

/** Which migrations ran, and with which text. The service reads them at start. */
const bookkeeping = ['migration', 'migration_lock', 'migration_digest'];

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
  await connected({ url: options.url, queryTimeoutMs: 60_000 }, async (client) => {
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
  });
};

/** `role_too_strong`: the service has come by a role that may change the schema; it is the owner's to migrate, not the service's. */
export class RoleTooStrongError extends Error {
  override name = 'RoleTooStrongError';
  code = 'role_too_strong';
}

type Powers = { role: string; superuser: boolean; creates: boolean; owned: string | null };

/** Throws RoleTooStrongError, naming the role and what it may, when the role of `url` could do more than `grantApplication` gives. */
export const assertApplicationRole = async (options: { url: string; service: string }): Promise<void> => {
  await connected(options, async (client) => {
    const { rows } = await client.query<Powers>(
      `select current_user as role, rolsuper as superuser,
         has_schema_privilege('public', 'create') or has_database_privilege(current_database(), 'create') as creates,
         (select relname from pg_class where relnamespace = 'public'::regnamespace and pg_has_role(relowner, 'member') order by relname limit 1) as owned
       from pg_roles where rolname = current_user`,
    );
    const { role, superuser, creates, owned } = rows[0] as Powers;
    const why = superuser
      ? 'is a superuser'
      : owned
        ? `owns the table or index "${owned}"`
        : creates && 'may create tables or schemas';
    if (why)
      throw new RoleTooStrongError(
        `the role "${role}" in DATABASE_URL ${why}: production runs a service by a role without DDL, to which services/${options.service}/src/migrate.ts gives its rights (APPLICATION_ROLE)`,
      );
  });
};
