// The password and the authenticator app of a signed-in account.
import { beginTotp, confirmTotp, removePassword, removeTotp, setPassword } from '@meridian/contracts/identity.ts';
import { route } from '@meridian/kit/http/route.ts';
import { networkOf } from '../codes/network.ts';
import type { IdentityDeps } from '../deps.ts';
import { noStore } from '../sessions/token-answer.ts';
import { beginTotp as begin, changePassword, confirmTotp as confirm, removeTotp as remove } from './change-factors.ts';
import { base32, totpUri } from './totp.ts';

export const factorRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region } = deps;

  route(publicServer, setPassword, async ({ auth, body, ip }) => {
    const hash = await deps.passwords.hash(body.password);
    await db.transaction((tx) => changePassword(tx, deps, { ...auth, hash, network: networkOf(ip) }));
    return { status: 204 };
  });

  route(publicServer, removePassword, async ({ auth, ip }) => {
    await db.transaction((tx) => changePassword(tx, deps, { ...auth, hash: undefined, network: networkOf(ip) }));
    return { status: 204 };
  });

  route(publicServer, beginTotp, async ({ auth }) => {
    const secret = await db.transaction((tx) => begin(tx, deps, auth));
    const uri = totpUri(secret, { issuer: `Meridian ${region.id}`, account: auth.accountId.slice(-8) });
    return { status: 201, body: { secret: base32(secret), uri }, headers: noStore };
  });

  route(publicServer, confirmTotp, async ({ auth, body, ip }) => {
    const recoveryCodes = await db.transaction((tx) =>
      confirm(tx, deps, { ...auth, code: body.code, network: networkOf(ip) }),
    );
    return { status: 200, body: { recoveryCodes }, headers: noStore };
  });

  route(publicServer, removeTotp, async ({ auth, ip }) => {
    await db.transaction((tx) => remove(tx, deps, { ...auth, network: networkOf(ip) }));
    return { status: 204 };
  });
};
