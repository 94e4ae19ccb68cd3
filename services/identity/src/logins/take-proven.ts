// Uses up what a provider has proven: once, in the browser that began, for the purpose and the account it was begun for.
import { loginFlowInvalid } from '@meridian/contracts/identity-logins.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import type { ProvenLogin } from '../providers/login-provider.ts';
import { type PendingKey, takePending } from './login-flow.store.ts';
import { hashOf, openProven } from './login-secrets.ts';

export type ProofOf = Pick<PendingKey, 'stage' | 'purpose' | 'owner' | 'browserHashes'> & { readonly token: string };

export const refuseFlow = ({ region }: Pick<IdentityDeps, 'region'>): never =>
  fail(loginFlowInvalid, { helpCentre: region.profile.links.helpCentre });

export const takeProven = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'region' | 'now'>,
  { token, ...key }: ProofOf,
): Promise<{ id: string; browserHash: string; createdAt: Date; proven: ProvenLogin }> => {
  const pending = await takePending(tx, { ...key, tokenHash: hashOf(token), now: deps.now() });
  if (pending === undefined) return refuseFlow(deps);
  const { id, browserHash, createdAt, sealed } = pending;
  return { id, browserHash, createdAt, proven: openProven(token, id, sealed) };
};
