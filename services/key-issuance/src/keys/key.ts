// What a presented key is worth: a pure decision on what the database says of it.
import type { KeyProduct, KeyRefusal, RateLimits } from '@meridian/contracts/key-issuance.ts';

/** What one statement finds of a key and of the gate of its account, at one moment. */
export type KeyFacts = {
  readonly keyId: string;
  /** null: erased with its account. */
  readonly accountId: string | null;
  readonly product: KeyProduct;
  readonly models: readonly string[] | null;
  readonly endpoints: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly limits: RateLimits;
  /** Of the key or of the presented secret. */
  readonly revokedAt: Date | null;
  /** End of the grace of a rotated secret. */
  readonly secretEndsAt: Date | null;
  readonly expiresAt: Date | null;
  readonly cancelledAt: Date | null;
  readonly exhaustedAt: Date | null;
  readonly planUntil: Date | null;
  readonly frozen: boolean;
  /** The protection in force that ends last. */
  readonly protection: { readonly caseId: string; readonly until: Date } | null;
  /** The last change of keys that these facts reckon with. */
  readonly position: string;
};

/** What the key is presented for. */
export type KeyUse = {
  /** null: a call that is about no model; undefined: not known. */
  readonly model?: string | null | undefined;
  readonly endpoint?: string | undefined;
  /** Whether the caller's address is in one of the networks; undefined: the address is not known. */
  readonly isFrom?: ((networks: readonly string[]) => boolean) | undefined;
};

export type Judgement =
  | {
      readonly valid: true;
      readonly accountId: string;
      readonly keyId: string;
      readonly product: KeyProduct;
      readonly position: string;
    }
  | { readonly valid: false; readonly refusal: KeyRefusal };

/** A list refuses what is not known too: a door that cannot tell must not open. */
const listed = (list: readonly string[] | null, value: string | undefined) =>
  list === null || (value !== undefined && list.includes(value));

/**
 * The first reason of a fixed order: revoked, expired, cancelled, protected (while its end time is ahead), frozen, without plan or money, and
 * then what this call in particular may not. The one that the holder can do least about comes first, so that nobody recharges an account only
 * to learn that the key was revoked.
 */
export const judgeKey = (facts: KeyFacts | undefined, use: KeyUse, now: Date, appealUrl: string): Judgement => {
  const refuse = (refusal: KeyRefusal): Judgement => ({ valid: false, refusal });
  if (facts === undefined) return refuse({ code: 'key_invalid' });
  const { accountId, keyId, product, position } = facts;
  if (facts.revokedAt !== null || (facts.secretEndsAt !== null && facts.secretEndsAt <= now))
    return refuse({ code: 'key_revoked' });
  if (facts.expiresAt !== null && facts.expiresAt <= now) return refuse({ code: 'key_expired' });
  if (facts.cancelledAt !== null || accountId === null) return refuse({ code: 'account_cancelled' });
  if (facts.protection !== null && facts.protection.until > now) {
    const { caseId, until } = facts.protection;
    return refuse({ code: 'account_protected', caseId, until: until.toISOString(), appealUrl });
  }
  if (facts.frozen) return refuse({ code: 'account_frozen' });
  if (product === 'plan' && (facts.planUntil === null || facts.planUntil <= now))
    return refuse({ code: 'plan_inactive' });
  // Money buys pay-as-you-go calls; a plan is paid already.
  if (product === 'payg' && facts.exhaustedAt !== null) return refuse({ code: 'balance_exhausted' });
  if (facts.networks !== null && !use.isFrom?.(facts.networks)) return refuse({ code: 'ip_not_allowed' });
  if (!listed(facts.endpoints, use.endpoint)) return refuse({ code: 'endpoint_not_allowed' });
  if (use.model !== null && !listed(facts.models, use.model)) return refuse({ code: 'model_not_allowed' });
  return { valid: true, accountId, keyId, product, position };
};
