// Where a database tells a moment: for the proof that what is kept of an erased account cannot be matched with its tombstone by time.
import { timeOfId } from '@meridian/kit/ids.ts';

/** A moment in a column: as a time, or as the time that an id was drawn at. Days tell no moment. */
const momentOf = (value: unknown): number | undefined => {
  if (typeof value !== 'string') return undefined;
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return Date.parse(value);
  return timeOfId(value)?.getTime();
};

/** `table.column` of every row of schema `public` that holds a moment within `ms` of `at`, but of those that name `account` themselves. */
export const columnsNear = async (
  query: <T extends Record<string, unknown>>(text: string, values?: unknown[]) => Promise<T[]>,
  { at, ms, account }: { at: Date; ms: number; account: string },
): Promise<string[]> => {
  const tables = await query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1",
  );
  const found = new Set<string>();
  for (const { name } of tables) {
    const rows = await query<{ row: Record<string, unknown> }>(
      `select to_jsonb(t) as row from "${name}" t where t::text not like $1`,
      [`%${account}%`],
    );
    for (const { row } of rows)
      for (const [column, value] of Object.entries(row))
        if (Math.abs((momentOf(value) ?? Number.NEGATIVE_INFINITY) - at.getTime()) < ms) found.add(`${name}.${column}`);
  }
  return [...found];
};
