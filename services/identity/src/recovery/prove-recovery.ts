// Shows one proof to a recovery, and says what is still missing.

import type { Proof, ProofKind } from '@meridian/contracts/identity-recovery.ts';
import { recoveryInvalid } from '@meridian/contracts/identity-recovery.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { blindIndexesOf } from '../contacts/contact.store.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { withProof } from './check-proof.ts';
import { decoyAccount } from './name-account.ts';
import { isVerified } from './real-name.ts';
import { addProof, type Recovery, raiseProofTries } from './recovery.store.ts';
import { isEnough, missingFor } from './recovery.ts';
import { availableProofs, standingOf } from './standing.ts';

/** A second address counts as a kind of its own; the same one twice does not, nor one where a token of staff may have been read. */
const kindOf = ({ contact_ids: known }: Recovery, kind: ProofKind, contactId: string | undefined): ProofKind =>
  kind === 'code' && known.length > 0 && !known.includes(contactId ?? '') ? 'second_code' : kind;

/** Codes to an address that the account has lost since prove nothing any more. */
const standingProofs = ({ proofs }: Recovery, { gone }: { gone: boolean }): ProofKind[] =>
  gone ? proofs.filter((kind) => kind !== 'code' && kind !== 'second_code') : proofs;

/** Whom a recovery is about, or who is asked about in the place of nobody: the same statements run for both. */
const subjectOf = ({ region }: Pick<IdentityDeps, 'region'>, recovery: Recovery): string =>
  recovery.account_id ?? decoyAccount(region.id, budgetOf(recovery));

/** What wrong tries are counted under: the name that was given, or what staff started. */
const budgetOf = ({ id, identifier_hash: named }: Recovery): string => named ?? id;

/** Whether a recovery opens its account, and its account. Undefined as well where there is none. */
export const provenAccount = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'region' | 'now'>,
  recovery: Recovery,
): Promise<string | undefined> => {
  const { account_id: accountId, contact_ids: provenContacts } = recovery;
  const standing = await standingOf(tx, deps, { accountId: subjectOf(deps, recovery), provenContacts });
  return accountId !== null && isEnough(standingProofs(recovery, standing), standing) ? accountId : undefined;
};

/** Named only to whoever has shown something that is right: to others the account does not even exist. */
export const missingOf = async (deps: IdentityDeps, recovery: Recovery): Promise<ProofKind[]> => {
  const { account_id: accountId, contact_ids: provenContacts, proofs } = recovery;
  if (accountId === null || proofs.length === 0) return [];
  const verified = await isVerified(deps, accountId);
  return deps.db.transaction(async (tx) => {
    const standing = await standingOf(tx, deps, { accountId, provenContacts });
    const available = await availableProofs(tx, accountId);
    const shown = standingProofs(recovery, standing);
    return missingFor(shown, [...available, ...(verified ? (['real_name'] as const) : [])], standing);
  });
};

export const proveRecovery = async (
  deps: IdentityDeps,
  { recoveryToken, proof, network }: { recoveryToken: string; proof: Proof; network: string },
): Promise<{ proven: ProofKind[]; enough: boolean; missing: ProofKind[] }> => {
  const { db } = deps;
  const raised = await db.transaction((tx) => raiseProofTries(tx, digest(recoveryToken), deps.now()));
  if (raised === undefined) return fail(recoveryInvalid);
  const { account_id: accountId, identifier_hash: named } = raised;
  const own = await blindIndexesOf(db.read, subjectOf(deps, raised));
  const question = {
    accountId,
    budget: budgetOf(raised),
    // What the recovery was begun with has a code either way; it proves something only if it is an address of the account.
    identifierHashes: named === null || own.includes(named) ? own : [...own, named],
    proof,
    network,
  };
  const { recovery, enough } = await withProof(deps, question, async (tx, proven) => {
    const kind = kindOf(raised, proven.kind, proven.contactId);
    const added = await addProof(tx, raised.id, { kind, contactId: proven.contactId });
    if (added === undefined) return fail(recoveryInvalid);
    return { recovery: added, enough: (await provenAccount(tx, deps, added)) !== undefined };
  });
  return { proven: recovery.proofs, enough, missing: enough ? [] : await missingOf(deps, recovery) };
};
