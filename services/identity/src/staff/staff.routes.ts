// Staff sign-in: OpenID Connect authorization code flow with PKCE, nonce and a state bound to the browser.
import type {} from '@fastify/cookie';
import { unavailable } from '@meridian/contracts/common.ts';
import { finishStaffSignIn, roleMissing, signInFailed, startStaffSignIn } from '@meridian/contracts/identity.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { networkOf } from '../codes/network.ts';
import type { IdentityDeps } from '../deps.ts';
import { staffTokenLife } from '../keys/access-token.ts';
import { finishSignIn } from './finish-sign-in.ts';
import { drawBrowser, drawState, hashOf, secretsOf } from './sign-in-secrets.ts';
import { insertSignIn, takeSignIn } from './staff.store.ts';
import { rolesOf } from './staff-roles.ts';

const signInSeconds = 600;

export const staffRoutes = (deps: IdentityDeps & { readonly rolesClaim: string }): void => {
  const { publicServer, db, staffProvider } = deps;
  const secure = staffProvider.redirectUri.startsWith('https:');
  // The prefix makes browsers refuse the cookie from a neighbouring subdomain; it needs https.
  const cookieName = secure ? '__Host-meridian-staff' : 'meridian-staff';
  // Lax: the way back from the provider is a top-level navigation from another site.
  const cookie = { path: '/', httpOnly: true, secure, sameSite: 'lax' as const };

  route(publicServer, startStaffSignIn, async ({ reply }) => {
    const [state, browser] = [drawState(), drawBrowser()];
    const target = await staffProvider
      .authorizationUrl(secretsOf(state, browser))
      .catch(() =>
        fail(unavailable, { retryAfter: 10, detail: 'The OpenID provider cannot be reached at the moment' }),
      );
    const expiresAt = new Date(deps.now().getTime() + signInSeconds * 1_000);
    await db.transaction((tx) =>
      insertSignIn(tx, { stateHash: hashOf(state), browserHash: hashOf(browser), expiresAt }),
    );
    reply.setCookie(cookieName, browser, { ...cookie, maxAge: signInSeconds });
    return { status: 302, headers: { location: target.href, 'cache-control': 'no-store' } };
  });

  route(publicServer, finishStaffSignIn, async ({ query, reply, ip }) => {
    const browser = reply.request.cookies[cookieName] ?? '';
    reply.clearCookie(cookieName, cookie);
    const found = await db.transaction((tx) => takeSignIn(tx, hashOf(query.state), hashOf(browser), deps.now()));
    if (!found)
      return fail(signInFailed, {
        detail: 'This sign-in was used, is too old, or was begun in another browser; start again',
      });
    const answered = Object.fromEntries(
      Object.entries(query).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
    const person = await staffProvider.redeem(answered, secretsOf(query.state, browser)).catch((error: unknown) => {
      deps.log.warn({ reason: errorCode(error) ?? 'unexpected', err: error }, 'a staff sign-in was refused');
      return fail(signInFailed);
    });
    const roles = rolesOf(person.claims[deps.rolesClaim]);
    if (roles.length === 0) return fail(roleMissing, { detail: 'Ask the operator for a role at the OpenID provider' });
    const staffId = await db.transaction((tx) =>
      finishSignIn(tx, { region: deps.region.id, now: deps.now }, { person, roles, network: networkOf(ip) }),
    );
    const accessToken = await deps.accessTokens.forStaff({ staffId, roles });
    return {
      status: 200,
      body: { accessToken, tokenType: 'Bearer', expiresIn: staffTokenLife, staffId, roles },
      headers: { 'cache-control': 'no-store' },
    };
  });
};
