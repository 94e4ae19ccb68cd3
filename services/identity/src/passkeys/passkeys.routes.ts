// Passkeys: add, list, remove; a challenge for one; sign in with one.
import { accountCancelled } from '@meridian/contracts/common.ts';
import {
  addPasskey,
  beginPasskey,
  challengePasskey,
  codeLimitReached,
  listPasskeys,
  passkeyInvalid,
  removePasskey,
  signInByPasskey,
} from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { newId } from '@meridian/kit/ids.ts';
import { generateAuthenticationOptions } from '@simplewebauthn/server';
import { lockStatus } from '../account/account.store.ts';
import { acceptedAnew } from '../account/terms.ts';
import { reserve } from '../codes/limit.store.ts';
import { signInWindows } from '../codes/limits.ts';
import { networkOf } from '../codes/network.ts';
import type { IdentityDeps } from '../deps.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { startSession } from '../sessions/start-session.ts';
import { createTokenAnswers, noStore } from '../sessions/token-answer.ts';
import { addPasskey as add, beginPasskey as begin, removePasskey as remove } from './add-passkey.ts';
import { insertChallenge, passkeysOf } from './passkey.store.ts';
import { usePasskey } from './use-passkey.ts';

export const passkeyRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, now, wall } = deps;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);
  // The library's options are plain JSON; the contract keeps them as they are.
  const plain = (value: { readonly challenge: string }) =>
    JSON.parse(JSON.stringify(value)) as { challenge: string } & Record<string, unknown>;

  route(publicServer, beginPasskey, async ({ auth }) => {
    const { challengeId, options } = await db.transaction((tx) => begin(tx, deps, auth));
    return { status: 201, body: { challengeId, options: plain(options) }, headers: noStore };
  });

  route(publicServer, addPasskey, async ({ auth, body, ip }) => {
    wall(body.challengeId);
    const added = await db.transaction((tx) => add(tx, deps, { ...auth, ...body, network: networkOf(ip) }));
    return { status: 201, body: added, headers: noStore };
  });

  route(publicServer, listPasskeys, async ({ auth }) => {
    const items = (await passkeysOf(db.read, auth.accountId)).map((key) => ({
      passkeyId: key.id,
      name: key.name,
      createdAt: key.created_at.toISOString(),
      lastUsedAt: key.last_used_at?.toISOString() ?? null,
    }));
    return { status: 200, body: { items } };
  });

  route(publicServer, removePasskey, async ({ auth, params, ip }) => {
    wall(params.passkeyId);
    const { passkeyId } = params;
    await db.transaction((tx) => remove(tx, deps, { ...auth, passkeyId, network: networkOf(ip) }));
    return { status: 204 };
  });

  route(publicServer, challengePasskey, async () => {
    const { rpId } = region.profile.passkeys;
    const options = await generateAuthenticationOptions({ rpID: rpId, userVerification: 'required' });
    const challengeId = newId('chl', region.id, now());
    await db.transaction((tx) =>
      insertChallenge(tx, { id: challengeId, accountId: null, challenge: options.challenge, now: now() }),
    );
    return { status: 201, body: { challengeId, options: plain(options) }, headers: noStore };
  });

  route(publicServer, signInByPasskey, async ({ body, ip, headers, reply, userAgent }) => {
    wall(body.challengeId);
    const { delivery = 'body' } = body;
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network: networkOf(ip), delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const place = {
      scope: deps.codeSecrets.networkScope(caller.network, 'sign-ins'),
      slotSeconds: 60,
      windows: signInWindows,
    };
    const retryAfter = await db.transaction((tx) => reserve(tx, [place], now()));
    if (retryAfter !== undefined) return fail(codeLimitReached, { retryAfter, detail: 'Too many sign-ins; wait' });
    // A wrong answer commits: it uses its challenge up. What is refused for another reason can come back with the same answer.
    const started = await db.transaction(async (tx) => {
      const accountId = await usePasskey(tx, deps, body);
      if (accountId === undefined) return undefined;
      if ((await lockStatus(tx, accountId, 'share')) !== 'active') return fail(accountCancelled);
      const acceptedTerms = await acceptedAnew(tx, deps, accountId, body.termsVersion);
      return startSession(tx, deps, { accountId, method: 'passkey', acceptedTerms, caller });
    });
    if (started === undefined) return fail(passkeyInvalid);
    return { status: 201, body: { ...(await answerOf(reply, delivery, started)), created: false }, headers: noStore };
  });
};
