// Staff sign-in: OpenID Connect authorization code flow with PKCE, nonce and a state bound to the browser.
import { createHash } from 'node:crypto';
import type {} from '@fastify/cookie';
import { unavailable } from '@meridian/contracts/common.ts';
import type { StaffRole } from '@meridian/contracts/endpoint.ts';
import { roleMissing, signInFailed } from '@meridian/contracts/identity.ts';
import { completeStaffSignIn, finishStaffSignIn, startStaffSignIn } from '@meridian/contracts/identity-staff.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { networkOf } from '../codes/network.ts';
import { sameText } from '../crypto/mac.ts';
import type { IdentityDeps } from '../deps.ts';
import { staffTokenLife } from '../keys/access-token.ts';
import { noStore } from '../sessions/token-answer.ts';
import { finishSignIn } from './finish-sign-in.ts';
import { drawBrowser, drawState, hashOf, secretsOf } from './sign-in-secrets.ts';
import { insertCompletion, insertSignIn, takeCompletion, takeSignIn } from './staff.store.ts';
import { rolesOf } from './staff-roles.ts';

const signInSeconds = 600;
const completionSeconds = 60;

export const staffRoutes = (deps: IdentityDeps & { readonly rolesClaim: string }): void => {
  const { publicServer, db, staffProvider } = deps;
  const secure = staffProvider.redirectUri.startsWith('https:');
  // The prefix makes browsers refuse the cookie from a neighbouring subdomain; it needs https.
  const cookieName = secure ? '__Host-meridian-staff' : 'meridian-staff';
  // Lax: the way back from the provider is a top-level navigation from another site.
  const cookie = { path: '/', httpOnly: true, secure, sameSite: 'lax' as const };

  const sessionOf = async (staffId: string, roles: readonly StaffRole[]) => ({
    status: 200 as const,
    body: {
      accessToken: await deps.accessTokens.forStaff({ staffId, roles }),
      tokenType: 'Bearer' as const,
      expiresIn: staffTokenLife,
      staffId,
      roles: [...roles],
    },
    headers: noStore,
  });

  route(publicServer, startStaffSignIn, async ({ query, reply }) => {
    const [state, browser] = [drawState(), drawBrowser()];
    const target = await staffProvider
      .authorizationUrl(secretsOf(state, browser))
      .catch(() =>
        fail(unavailable, { retryAfter: 10, detail: 'The OpenID provider cannot be reached at the moment' }),
      );
    const expiresAt = new Date(deps.now().getTime() + signInSeconds * 1_000);
    await db.transaction((tx) =>
      insertSignIn(tx, {
        stateHash: hashOf(state),
        browserHash: hashOf(browser),
        expiresAt,
        codeChallenge: query.codeChallenge,
      }),
    );
    reply.setCookie(cookieName, browser, { ...cookie, maxAge: signInSeconds });
    return { status: 302, headers: { location: target.href, 'cache-control': 'no-store' } };
  });

  route(publicServer, finishStaffSignIn, async ({ query, reply, ip }) => {
    const browser = reply.request.cookies[cookieName] ?? '';
    reply.clearCookie(cookieName, cookie);
    const found = await db.transaction((tx) => takeSignIn(tx, hashOf(query.state), hashOf(browser), deps.now()));
    if (found === undefined)
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
    const { code_challenge: codeChallenge } = found;
    const code = drawState();
    const staffId = await db.transaction(async (tx) => {
      const command = { person, roles, network: networkOf(ip) };
      const id = await finishSignIn(tx, { region: deps.region.id, now: deps.now }, command);
      const expiresAt = new Date(deps.now().getTime() + completionSeconds * 1_000);
      if (codeChallenge !== null)
        await insertCompletion(tx, { codeHash: hashOf(code), codeChallenge, staffId: id, roles, expiresAt });
      return id;
    });
    if (codeChallenge === null) return sessionOf(staffId, roles);
    const console = new URL(deps.region.profile.links.staffConsole);
    console.hash = new URLSearchParams({ code }).toString();
    return { status: 303, headers: { location: console.href, ...noStore } };
  });

  route(publicServer, completeStaffSignIn, async ({ body }) => {
    const found = await db.transaction((tx) => takeCompletion(tx, hashOf(body.code), deps.now()));
    // The S256 method of RFC 7636.
    const challenge = createHash('sha256').update(body.codeVerifier).digest('base64url');
    if (found === undefined || !sameText(found.code_challenge, challenge))
      return fail(signInFailed, {
        detail: 'This code was used, is too old, or belongs to another browser; start again',
      });
    return sessionOf(found.staff_id, rolesOf(found.roles));
  });
};
