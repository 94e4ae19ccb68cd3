// What a presented key is worth: a pure decision on what the database says of it.
import type { KeyProduct, KeyRefusal } from '@meridian/contracts/key-issuance.ts';

/** What one statement finds of a key and of the gate of its account, at one moment. */
export type KeyFacts = {
  readonly keyId: string;
  /** null: erased with its account. */
  readonly accountId: string | null;
  readonly product: KeyProduct;
  readonly revokedAt: Date | null;
  readonly cancelledAt: Date | null;
  readonly exhaustedAt: Date | null;
  /** The protection in force that ends last. */
  readonly protection: { readonly caseId: string; readonly until: Date } | null;
};

export type Verdict =
  | { readonly valid: true; readonly accountId: string; readonly keyId: string; readonly product: KeyProduct }
  | { readonly valid: false; readonly refusal: KeyRefusal };

/**
 * The first reason of a fixed order: revoked, cancelled, protected (while its end time is ahead), exhausted. The one that the holder can do
 * least about comes first, so that nobody recharges an account only to learn that the key was revoked.
 */
export const judgeKey = (facts: KeyFacts | undefined, now: Date, appealUrl: string): Verdict => {
  const refuse = (refusal: KeyRefusal): Verdict => ({ valid: false, refusal });
  if (facts === undefined) return refuse({ code: 'key_invalid' });
  if (facts.revokedAt !== null) return refuse({ code: 'key_revoked' });
  if (facts.cancelledAt !== null || facts.accountId === null) return refuse({ code: 'account_cancelled' });
  if (facts.protection !== null && facts.protection.until > now) {
    const { caseId, until } = facts.protection;
    return refuse({ code: 'account_protected', caseId, until: until.toISOString(), appealUrl });
  }
  if (facts.exhaustedAt !== null) return refuse({ code: 'balance_exhausted' });
  return { valid: true, accountId: facts.accountId, keyId: facts.keyId, product: facts.product };
};
