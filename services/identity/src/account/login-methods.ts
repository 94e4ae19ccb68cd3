// The ways in which an account can be signed in to. A password or an authenticator alone is none.
import type { Tx } from '@meridian/kit/db/database.ts';
import { sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';

export const countLoginMethods = async (tx: Tx<IdentitySchema>, accountId: string): Promise<number> => {
  // A login that its provider has ended is none any more.
  const { rows } = await sql<{ count: bigint }>`
    select (select count(*) from contact where account_id = ${accountId})
         + (select count(*) from passkey where account_id = ${accountId})
         + (select count(*) from linked_login where account_id = ${accountId} and ends_at is null) as count`.execute(
    tx,
  );
  return Number(rows[0]?.count);
};
