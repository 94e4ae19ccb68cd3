// Use case: begin a recovery. The same statements run whether or not anybody has the address; only the sending differs, after the answer.
import { randomBytes } from 'node:crypto';
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Gated } from '../captcha/with-captcha.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { type SentCode, sendCode } from '../codes/send-code.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { findNamed, type Named } from './name-account.ts';
import { insertRecovery } from './recovery.store.ts';
import { recoveryMs } from './recovery.ts';

export const drawToken = (): string => randomBytes(32).toString('base64url');

/** An account named by its id gets no code: the send is counted and answered like any other, to nobody. */
const recipientOf = ({ identifier, accountId }: Named): Accepted =>
  identifier ?? ({ kind: 'account', value: accountId ?? '', method: 'email_code' } as unknown as Accepted);

export type BegunRecovery =
  | Extract<SentCode, { outcome: 'limited' }>
  | (Extract<SentCode, { outcome: 'issued' }> & { readonly recoveryToken: string; readonly endsAt: Date });

export const beginRecovery = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { named, network, personShown }: { named: Named; network: string; personShown: boolean },
): Promise<Gated<BegunRecovery>> => {
  const now = deps.now();
  const sendDeps = { ...deps, region: deps.region.id };
  const sent = await sendCode(tx, sendDeps, {
    identifier: recipientOf(named),
    purpose: 'recover',
    network,
    personShown,
  });
  if (sent.outcome !== 'issued') return sent;
  const accountId = await findNamed(tx, named);
  const recoveryToken = drawToken();
  const endsAt = new Date(now.getTime() + recoveryMs);
  await insertRecovery(tx, {
    id: newId('rcv', deps.region.id, now),
    account_id: accountId ?? null,
    identifier_hash: named.hash,
    token_hash: digest(recoveryToken),
    started_by: 'owner',
    proofs: [],
    created_at: now,
    expires_at: endsAt,
  });
  return { ...sent, recoveryToken, endsAt };
};
