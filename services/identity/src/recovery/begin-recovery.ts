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

export const drawToken = (bytes = 32): string => randomBytes(bytes).toString('base64url');

/** An account named by its id gets no code: the send is counted and answered like any other, to nobody. */
const recipientOf = ({ identifier, accountId }: Named): Accepted =>
  identifier ?? ({ kind: 'account', value: accountId ?? '', method: 'email_code' } as unknown as Accepted);

/** Before the recovery and in a transaction of its own, which holds the limits of the whole region: it must not wait for one account's row. */
export const sendFirstCode = (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  { named, ip, personShown }: { named: Named; ip: string; personShown: boolean },
): Promise<Gated<SentCode>> =>
  sendCode(
    tx,
    { ...deps, region: deps.region.id },
    { identifier: recipientOf(named), purpose: 'recover', ip, personShown },
  );

export const beginRecovery = async (
  tx: Tx<IdentitySchema>,
  deps: IdentityDeps,
  named: Named,
): Promise<{ recoveryToken: string; endsAt: Date }> => {
  const now = deps.now();
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
  return { recoveryToken, endsAt };
};
