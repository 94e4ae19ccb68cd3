// What a presented key is worth: pure decisions on what its text and its row say.
import type { KeyProduct, KeyRefusal } from '@meridian/contracts/key-issuance.ts';

/** Region and product of a key's public part. */
export type KeyOrigin = { readonly region: string; readonly product: KeyProduct };

/** Base URL of a product in a region; undefined when the region is unknown, null when it does not sell the product. */
export type BaseUrlOf = (region: string, product: KeyProduct) => string | null | undefined;

/**
 * Refuses a key at the wrong door from its public part alone. `origin` undefined: not a key. A region nobody knows is no better than no key:
 * naming it would make up an address.
 */
export const refuseOrigin = (
  origin: KeyOrigin | undefined,
  door: KeyOrigin,
  baseUrlOf: BaseUrlOf,
): KeyRefusal | undefined => {
  if (origin === undefined) return { code: 'key_invalid' };
  const baseUrl = baseUrlOf(origin.region, origin.product);
  if (baseUrl === undefined) return { code: 'key_invalid' };
  const home = { region: origin.region, ...(baseUrl !== null && { baseUrl }) };
  if (origin.region !== door.region) return { code: 'key_region_mismatch', ...home };
  if (origin.product !== door.product) return { code: 'key_product_mismatch', ...home };
  return undefined;
};

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
