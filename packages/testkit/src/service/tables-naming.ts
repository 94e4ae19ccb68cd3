// Which tables tell something: for the proofs of what an erasure leaves.

/** The tables of schema `public` with a row that names all of `texts`. */
export const tablesNaming = async (
  query: <T extends Record<string, unknown>>(text: string, values?: unknown[]) => Promise<T[]>,
  ...texts: string[]
): Promise<string[]> => {
  const tables = await query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' order by 1",
  );
  const naming: string[] = [];
  for (const { name } of tables) {
    const rows = await query(`select 1 from "${name}" t where t::text like all ($1) limit 1`, [
      texts.map((text) => `%${text}%`),
    ]);
    if (rows.length > 0) naming.push(name);
  }
  return naming;
};
