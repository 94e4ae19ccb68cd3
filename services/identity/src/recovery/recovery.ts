// What opens an account that its owner cannot sign in to. Pure decisions.
import type { ProofKind } from '@meridian/contracts/identity-recovery.ts';

export const recoveryMs = 30 * 60_000;
/** The token is 256 random bits that went to the account's own addresses. */
export const staffRecoveryMs = 60 * 60_000;
/** Proofs, right or wrong, that one recovery takes. */
export const maxProofTries = 10;

export type Standing = {
  /** A second factor is on. */
  readonly secondFactor: boolean;
  /** The account was not used for long, and its code went to a number: it may have reached somebody else. */
  readonly doubtful: boolean;
};

/**
 * A passkey is two factors by itself. Where a second factor is on it must be shown, or both of its kinds: two addresses are read in one
 * place, and names and numbers leak, so neither stands for it. Elsewhere a code is what signs in anyway, unless it is doubtful.
 */
export const isEnough = (proofs: readonly ProofKind[], { secondFactor, doubtful }: Standing): boolean => {
  const has = (kind: ProofKind) => proofs.includes(kind);
  if (has('passkey')) return true;
  const factors = [has('totp'), has('recovery_code')].filter(Boolean).length;
  if (secondFactor) return factors === 2 || (factors === 1 && has('code'));
  return has('code') && (!doubtful || has('second_code') || has('real_name'));
};

/** Kinds of which any one would be enough now; empty when it is enough already, or when none could be: a ticket is left then. */
export const missingFor = (
  proofs: readonly ProofKind[],
  available: readonly ProofKind[],
  standing: Standing,
): ProofKind[] =>
  isEnough(proofs, standing)
    ? []
    : available.filter((kind) => !proofs.includes(kind) && isEnough([...proofs, kind], standing));
