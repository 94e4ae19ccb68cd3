// What was sealed under a version of a key ring opens with that version alone. A replica that lacks it would start well, and fail at each reading.
import { type Kysely, sql } from 'kysely';
import { ConfigError } from '../config/config.ts';
import type { KeyRing } from './key-ring.ts';

/**
 * Throws ConfigError, with what to do, when `table` has rows whose `key_version` the ring of `variable` lacks. Needs an index on that
 * column: one look-up in it for each version there is.
 */
export const assertKeyVersions = async <S>(
  db: Kysely<S>,
  { variable, ring, table }: { variable: string; ring: KeyRing; table: string },
): Promise<void> => {
  const { rows } = await sql<{ version: number }>`
    with recursive versions (version) as (
      select min(key_version) from ${sql.table(table)}
      union all
      select (select min(t.key_version) from ${sql.table(table)} t where t.key_version > v.version)
      from versions v where v.version is not null
    )
    select version from versions where version is not null`.execute(db);
  const lacking = rows.map(({ version }) => version).filter((version) => !ring.keys.has(version));
  if (lacking.length > 0)
    throw new ConfigError(
      lacking.map((version) => `${variable} lacks version ${version}, under which data is sealed: add it again`),
    );
};
