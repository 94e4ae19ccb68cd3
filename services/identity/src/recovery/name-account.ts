// Which account a person means who cannot sign in: by an address, or by its id.
import { createHash } from 'node:crypto';
import type { Identifier } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Kysely } from 'kysely';
import { type Accepted, acceptIdentifier } from '../codes/accept-identifier.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';

export type AccountName = Identifier | { readonly kind: 'account'; readonly value: string };
export type Named = {
  readonly hash: string;
  /** Absent where an id was given: no code can go there. */
  readonly identifier: Accepted | undefined;
  readonly accountId: string | undefined;
};

type Deps = Pick<IdentityDeps, 'region' | 'codeSecrets' | 'wall'>;

export const readName = (deps: Deps, name: AccountName): Named => {
  if (name.kind === 'account') {
    deps.wall(name.value);
    return {
      hash: deps.codeSecrets.identifierHash('account', name.value),
      identifier: undefined,
      accountId: name.value,
    };
  }
  const identifier = acceptIdentifier(deps.region.profile.registration, name);
  const hash = deps.codeSecrets.identifierHash(identifier.kind, identifier.value);
  return { hash, identifier, accountId: undefined };
};

/** The living account of that name, if there is one. Answers must never differ by it. */
export const findNamed = async (
  db: Kysely<IdentitySchema> | Tx<IdentitySchema>,
  { hash, accountId }: Named,
): Promise<string | undefined> => {
  const found =
    accountId === undefined
      ? await db
          .selectFrom('contact')
          .innerJoin('account', 'account.id', 'contact.account_id')
          .select('account.id')
          .where('contact.blind_index', '=', hash)
          .where('account.status', '=', 'active')
          .executeTakeFirst()
      : await db
          .selectFrom('account')
          .select('id')
          .where('id', '=', accountId)
          .where('status', '=', 'active')
          .executeTakeFirst();
  return found?.id;
};

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** An id that nobody has, always the same for one name: what is asked and counted for a known account is asked and counted for it. */
export const decoyAccount = (region: string, hash: string): string => {
  const bytes = createHash('sha256').update(`nobody ${hash}`).digest().subarray(0, 26);
  return `acc_${region}_${[...bytes].map((byte) => alphabet.charAt(byte & 31)).join('')}`;
};
