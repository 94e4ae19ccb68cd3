// The content of a database as counts and hashes, for "nothing changed".
import type pg from 'pg';

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Rows and hash of every table of schema `public`, except `ignored` (tables that background work writes by itself). */
export const databaseSnapshot = async (
  pool: pg.Pool,
  ignored: readonly string[] = [],
): Promise<Record<string, string>> => {
  const { rows } = await pool.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1",
  );
  const names = rows.map((row) => row.name).filter((name) => !ignored.includes(name));
  if (names.length === 0) return {};
  const parts = names.map(
    (name, i) =>
      `select ${i} as i, count(*) || ':' || coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') as state from ${quote(name)} t`,
  );
  const states = await pool.query<{ i: number; state: string }>(parts.join(' union all '));
  return Object.fromEntries(states.rows.map(({ i, state }) => [names[i] ?? '', state]));
};

/** Whether `id` stands in any row of schema `public`. */
export const databaseHolds = async (pool: pg.Pool, id: string): Promise<boolean> => {
  const { rows } = await pool.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  );
  for (const { name } of rows) {
    const found = await pool.query(`select 1 from ${quote(name)} t where t::text like $1 limit 1`, [`%${id}%`]);
    if (found.rowCount === 1) return true;
  }
  return false;
};
