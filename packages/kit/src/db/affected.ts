// How many rows a statement written as text has changed.
import type { QueryResult } from 'kysely';

export const affected = async (result: Promise<QueryResult<unknown>>): Promise<number> =>
  Number((await result).numAffectedRows ?? 0n);
