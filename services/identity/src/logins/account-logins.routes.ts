// The signed-in account's logins: list, link, unlink, prove by one, take over the address that one offers.
import { unauthenticated } from '@meridian/contracts/common.ts';
import {
  beginLink,
  beginLoginProof,
  confirmLink,
  confirmLoginProof,
  listLogins,
  takeOfferedEmail,
  unlinkLogin,
} from '@meridian/contracts/identity-logins.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { findAccount } from '../account/account.store.ts';
import { networkOf } from '../codes/network.ts';
import { maskContact } from '../contacts/contact.ts';
import type { AccountKey } from '../contacts/contact-vault.ts';
import type { IdentityDeps } from '../deps.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { proofMs } from '../sessions/session.ts';
import { noStore } from '../sessions/token-answer.ts';
import { beginLogin as begin } from './begin-login.ts';
import { assertMayLink, linkLogin, unlinkLogin as unlink } from './change-logins.ts';
import { findProvider } from './find-provider.ts';
import { loginsOf } from './linked-login.store.ts';
import { bindBrowser, browserHashesOf } from './login-cookies.ts';
import { findOffer } from './offered-email.store.ts';
import { assertMayProve, proveLogin } from './prove-login.ts';
import { takeOfferedEmail as takeOffered } from './take-offered-email.ts';

export const accountLoginRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, vault, region } = deps;
  const cookies = createRefreshCookies(region.profile);

  const openLogins = async (accountId: string, key: AccountKey) =>
    (await loginsOf(db.read, accountId)).map((login) => ({
      loginId: login.id,
      provider: login.provider,
      displayName: login.sealed_name === null ? null : vault.open(key, `${login.id} name`, login.sealed_name),
      linkedAt: login.linked_at.toISOString(),
      lastUsedAt: login.last_used_at.toISOString(),
      endsAt: login.ends_at?.toISOString() ?? null,
    }));
  const keyOf = async (accountId: string) => {
    const account = (await findAccount(db.read, accountId)) ?? fail(unauthenticated);
    return vault.unwrap(accountId, account.wrapped);
  };

  route(publicServer, listLogins, async ({ auth: { accountId } }) => {
    const key = await keyOf(accountId);
    const offer = await findOffer(db.read, accountId, deps.now());
    const offeredEmail =
      offer === undefined
        ? null
        : {
            address: vault.open(key, 'offered email', offer.sealed),
            proven: offer.proven,
            expiresAt: offer.expiresAt.toISOString(),
          };
    return { status: 200, body: { items: await openLogins(accountId, key), offeredEmail }, headers: noStore };
  });

  route(publicServer, beginLink, async ({ auth, params, body, headers, reply }) => {
    const provider = findProvider(deps, params.provider);
    cookies.assertOrigin(headers.origin);
    const begun = await begin(deps, {
      provider,
      purpose: 'link',
      returnTo: body.returnTo,
      browser: bindBrowser(reply, provider.callback),
      owner: auth,
      assert: (tx) => assertMayLink(tx, deps, auth),
    });
    return { status: 201, body: begun, headers: noStore };
  });

  route(publicServer, confirmLink, async ({ auth, body, headers, ip, reply }) => {
    cookies.assertOrigin(headers.origin);
    const { accountId, sessionId } = auth;
    const command = { accountId, sessionId, code: body.code, browserHashes: browserHashesOf(reply) };
    const loginId = await db.transaction((tx) => linkLogin(tx, deps, { ...command, network: networkOf(ip) }));
    const linked = (await openLogins(accountId, await keyOf(accountId))).find((login) => login.loginId === loginId);
    if (linked === undefined) throw new Error('a login that was just linked is gone');
    return { status: 201, body: linked, headers: noStore };
  });

  route(publicServer, unlinkLogin, async ({ auth, params, ip }) => {
    deps.wall(params.loginId);
    const { accountId, sessionId } = auth;
    const command = { accountId, sessionId, loginId: params.loginId, network: networkOf(ip) };
    await db.transaction((tx) => unlink(tx, deps, command));
    return { status: 204 };
  });

  route(publicServer, beginLoginProof, async ({ auth, params, body, headers, reply }) => {
    const provider = findProvider(deps, params.provider);
    cookies.assertOrigin(headers.origin);
    const begun = await begin(deps, {
      provider,
      purpose: 'prove',
      returnTo: body.returnTo,
      browser: bindBrowser(reply, provider.callback),
      owner: auth,
      assert: (tx) => assertMayProve(tx, auth, provider.name),
    });
    return { status: 201, body: begun, headers: noStore };
  });

  route(publicServer, confirmLoginProof, async ({ auth, body, headers, reply }) => {
    cookies.assertOrigin(headers.origin);
    const { accountId, sessionId } = auth;
    const command = { accountId, sessionId, code: body.code, browserHashes: browserHashesOf(reply) };
    const at = await db.transaction((tx) => proveLogin(tx, deps, command));
    return { status: 200, body: { provenUntil: new Date(at.getTime() + proofMs).toISOString() } };
  });

  route(publicServer, takeOfferedEmail, async ({ auth, ip }) => {
    const taken = await db.transaction((tx) => takeOffered(tx, deps, { ...auth, network: networkOf(ip) }));
    return {
      status: 201,
      body: {
        contactId: taken.contactId,
        kind: 'email',
        masked: maskContact('email', taken.address),
        verifiedAt: taken.verifiedAt.toISOString(),
      },
    };
  });
};
