// Sign in by password, and complete a sign-in with the second factor.
import { accountCancelled } from '@meridian/contracts/common.ts';
import { completeSignIn, credentialsInvalid, factorInvalid, signInByPassword } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { lockStatus } from '../account/account.store.ts';
import { acceptedAnew } from '../account/terms.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import { networkOf } from '../codes/network.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentityDeps } from '../deps.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { continueSignIn } from '../sessions/continue-sign-in.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { refuseUncompleted } from '../sessions/refuse-uncompleted.ts';
import { startSession } from '../sessions/start-session.ts';
import { createTokenAnswers, noStore } from '../sessions/token-answer.ts';
import { bookPasswordTry } from './book-password-try.ts';
import { withFactor } from './check-factor.ts';
import { passwordOf, raisePendingTries, takePendingSignIn } from './factor.store.ts';
import { wallProof } from './wall-proof.ts';

export const factorSignInRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, now } = deps;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);
  const refuse = () =>
    fail(credentialsInvalid, {
      detail: `Sign in with a code instead, or see ${region.profile.links.helpCentre}`,
    });

  route(publicServer, signInByPassword, async ({ body, ip, headers, reply, userAgent }) => {
    const { delivery = 'body' } = body;
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const identifier = acceptIdentifier(region.profile.registration, body.identifier);
    const network = networkOf(ip);
    const blindIndex = deps.codeSecrets.identifierHash(identifier.kind, identifier.value);
    const takeBack = await bookPasswordTry(deps, { blindIndex, ip, captchaToken: body.captchaToken });
    const stored = await passwordOf(db.read, blindIndex);
    if (!(await deps.passwords.verify(stored?.hash, body.password)) || stored === undefined) {
      const accountId = stored?.accountId;
      // The same statement for known and unknown: neither the answer nor its time may tell them apart.
      await db.transaction((tx) =>
        appendSecurityLog(tx, { at: now(), kind: 'password_wrong', network, ...(accountId && { accountId }) }),
      );
      return refuse();
    }
    await takeBack();
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network, delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const continued = await db.transaction(async (tx) => {
      const { accountId } = stored;
      if ((await lockStatus(tx, accountId, 'share')) !== 'active') return fail(accountCancelled);
      // Comparing takes a while: a password, or an address, that was changed meanwhile opens nothing.
      if ((await passwordOf(tx, blindIndex))?.hash !== stored.hash) return refuse();
      const acceptedTerms = await acceptedAnew(tx, deps, accountId, body.termsVersion);
      return continueSignIn(tx, deps, { accountId, method: 'password', acceptedTerms, caller });
    });
    if (continued.outcome === 'second_factor') return refuseUncompleted(continued);
    return { status: 201, body: { ...(await answerOf(reply, delivery, continued)), created: false }, headers: noStore };
  });

  route(publicServer, completeSignIn, async ({ body, ip, headers, reply, userAgent }) => {
    const { delivery = 'body', challenge, factor } = body;
    wallProof(deps, factor);
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const network = networkOf(ip);
    const challengeHash = digest(challenge);
    const pending = await db.transaction((tx) => raisePendingTries(tx, challengeHash, now()));
    if (pending === undefined) return fail(factorInvalid, { detail: 'Start the sign-in again' });
    const { accountId } = pending;
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network, delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const started = await withFactor(deps, { accountId, factor, network }, async (tx) => {
      if ((await lockStatus(tx, accountId, 'share')) !== 'active') return fail(accountCancelled);
      const { method, acceptedTerms } = (await takePendingSignIn(tx, challengeHash)) ?? fail(factorInvalid);
      return startSession(tx, deps, { accountId, method: `${method}+${factor.method}`, acceptedTerms, caller });
    });
    return { status: 201, body: { ...(await answerOf(reply, delivery, started)), created: false }, headers: noStore };
  });
};
