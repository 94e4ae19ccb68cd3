// SQL of contacts and of the keys they are sealed with.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import type { AccountStatus, IdentitySchema } from '../db/schema.ts';
import type { ContactVault } from './contact-vault.ts';

type Transaction = Tx<IdentitySchema>;

export const indexIsTaken = async (tx: Transaction, blindIndex: string): Promise<boolean> =>
  (await tx.selectFrom('contact').select('id').where('blind_index', '=', blindIndex).executeTakeFirst()) !== undefined;

/** Whose address it is at this moment, for what holds on to nothing: where a message goes, and logs. Nobody outside may learn it. */
export const findOwner = (db: Kysely<IdentitySchema> | Transaction, blindIndex: string) =>
  db
    .selectFrom('contact')
    .select(['account_id as accountId', 'id as contactId'])
    .where('blind_index', '=', blindIndex)
    .executeTakeFirst();

/** The account that owns the identifier, its row locked against a cancellation and a change of credentials until the transaction ends. */
export const lockOwner = async (
  tx: Transaction,
  blindIndex: string,
): Promise<{ accountId: string; contactId: string; status: AccountStatus } | undefined> => {
  const found = await tx
    .selectFrom('contact')
    .innerJoin('account', 'account.id', 'contact.account_id')
    .select(['account.id as accountId', 'contact.id as contactId', 'account.status'])
    .where('contact.blind_index', '=', blindIndex)
    .forShare('account')
    .executeTakeFirst();
  // Whoever held the row may have taken the address from the account meanwhile: only a statement that began after the lock sees it. It runs
  // for addresses that nobody has, too: how long an answer takes must not tell.
  const owner = await findOwner(tx, blindIndex);
  return owner?.accountId === found?.accountId ? found : undefined;
};

/** False when another account has the identifier: the unique index decides between two registrations. */
export const insertContactIfFree = async (
  tx: Transaction,
  contact: {
    id: string;
    accountId: string;
    kind: 'phone' | 'email';
    sealed: Buffer;
    blindIndex: string;
    verifiedAt: Date;
  },
): Promise<boolean> => {
  const row = await tx
    .insertInto('contact')
    .values({
      id: contact.id,
      account_id: contact.accountId,
      kind: contact.kind,
      sealed: contact.sealed,
      blind_index: contact.blindIndex,
      verified_at: contact.verifiedAt,
    })
    .onConflict((conflict) => conflict.column('blind_index').doNothing())
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
};

export const blindIndexesOf = async (db: Kysely<IdentitySchema> | Transaction, accountId: string): Promise<string[]> =>
  (await db.selectFrom('contact').select('blind_index').where('account_id', '=', accountId).execute()).map(
    (c) => c.blind_index,
  );

/** Since when the account has had the address that a code was sent to. */
export const contactBoundAt = async (
  db: Kysely<IdentitySchema> | Transaction,
  accountId: string,
  codeId: string,
): Promise<Date | undefined> =>
  (
    await db
      .selectFrom('code')
      .innerJoin('contact', 'contact.blind_index', 'code.identifier_hash')
      .select('verified_at')
      .where('code.id', '=', codeId)
      .where('contact.account_id', '=', accountId)
      .executeTakeFirst()
  )?.verified_at;

/** False when the account has no such contact. */
export const deleteContact = async (tx: Transaction, accountId: string, contactId: string): Promise<boolean> => {
  const result = await tx
    .deleteFrom('contact')
    .where('id', '=', contactId)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return result.numDeletedRows === 1n;
};

export type OpenContact = {
  readonly id: string;
  readonly kind: 'phone' | 'email';
  readonly value: string;
  readonly verifiedAt: Date;
};

/** The contacts of an account in clear, oldest first. */
export const openContacts = async (
  db: Kysely<IdentitySchema> | Transaction,
  vault: ContactVault,
  accountId: string,
): Promise<OpenContact[]> => {
  const rows = await db
    .selectFrom('contact')
    .innerJoin('account_key', 'account_key.account_id', 'contact.account_id')
    .select(['contact.id', 'contact.kind', 'contact.sealed', 'contact.verified_at', 'account_key.wrapped'])
    .where('contact.account_id', '=', accountId)
    .orderBy('contact.id')
    .limit(20)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    value: vault.open(vault.unwrap(accountId, row.wrapped), row.id, row.sealed),
    verifiedAt: row.verified_at,
  }));
};
