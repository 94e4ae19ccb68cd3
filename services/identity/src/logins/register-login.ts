// Use case: a login that nobody has gets a new account. Never an old one: an address that matches is no reason to merge.

import { accountRegistered } from '@meridian/contracts/events/lifecycle.ts';
import { accountExists } from '@meridian/contracts/identity-logins.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { insertAccount } from '../account/account.store.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import { insertContactIfFree } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import type { ProvenLogin } from '../providers/login-provider.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { attachLogin } from './attach-login.ts';
import { offerMs } from './login-flow.ts';
import { insertOffer } from './offered-email.store.ts';
import { offerOf } from './read-offer.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'publish' | 'codeSecrets' | 'loginSecrets'>;

export const registerLogin = async (
  tx: Tx<IdentitySchema>,
  deps: Deps,
  { proven, phone, network }: { proven: ProvenLogin; phone?: Accepted; network: string },
): Promise<string> => {
  const now = deps.now();
  const { registration } = deps.region.profile;
  const accountId = newId('acc', deps.region.id, now);
  const { key, wrapped } = deps.vault.drawKey(accountId);
  if (phone !== undefined) {
    const id = newId('con', deps.region.id, now);
    const free = await insertContactIfFree(tx, {
      id,
      accountId,
      kind: phone.kind,
      sealed: deps.vault.seal(key, id, phone.value),
      blindIndex: deps.codeSecrets.identifierHash(phone.kind, phone.value),
      verifiedAt: now,
    });
    if (!free) fail(accountExists, { helpCentre: deps.region.profile.links.helpCentre });
  }
  const { termsVersion } = registration;
  await insertAccount(tx, { id: accountId, wrappedKey: wrapped, termsVersion, createdAt: now });
  const loginId = await attachLogin(tx, deps, { accountId, key, proven, now });
  const method = proven.subjectIds[0].provider;
  await deps.publish(tx, accountRegistered, { accountId, data: { method } });
  await appendSecurityLog(tx, { at: now, kind: 'account_registered', accountId, network, method });
  await appendSecurityLog(tx, { at: now, kind: 'login_linked', accountId, network, method });
  const offer = offerOf(registration, proven);
  if (offer !== undefined)
    await insertOffer(tx, {
      accountId,
      loginId,
      sealed: deps.vault.seal(key, 'offered email', offer.address),
      proven: offer.proven,
      expiresAt: new Date(now.getTime() + offerMs),
    });
  return accountId;
};
