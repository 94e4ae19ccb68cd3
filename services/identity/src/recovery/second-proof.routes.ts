// A sign-in that a code alone does not complete: a second proof, or "this is not mine".
import { accountCancelled } from '@meridian/contracts/common.ts';
import { factorInvalid } from '@meridian/contracts/identity.ts';
import { completeSecondProof, disownAccount, sendSecondProofCode } from '@meridian/contracts/identity-recovery.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { lockStatus } from '../account/account.store.ts';
import { assertConsent } from '../account/terms.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import { networkOf } from '../codes/network.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentityDeps } from '../deps.ts';
import { raisePendingTries, secondFactorsOf, takePendingSignIn } from '../factors/factor.store.ts';
import { wallProof } from '../factors/wall-proof.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { startSession } from '../sessions/start-session.ts';
import { createTokenAnswers, noStore } from '../sessions/token-answer.ts';
import { withProof } from './check-proof.ts';
import { disownAccount as disown } from './disown-account.ts';
import { isEnough } from './recovery.ts';
import { sendTo } from './send-to.ts';

export const secondProofRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, now } = deps;
  const { registration } = region.profile;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);

  const pendingOf = (challenge: string) =>
    db.read
      .selectFrom('pending_sign_in')
      .select(['account_id as accountId', 'contact_id as contactId'])
      .where('challenge_hash', '=', digest(challenge))
      .where('needs', '=', 'second_proof')
      .where('expires_at', '>', now())
      .executeTakeFirst();

  route(publicServer, sendSecondProofCode, async ({ body, ip }) => {
    const pending = (await pendingOf(body.challenge)) ?? fail(factorInvalid, { detail: 'Start the sign-in again' });
    const identifier = acceptIdentifier(registration, body.identifier);
    const { accountId: onlyFor, contactId: exceptContact } = pending;
    const { captchaToken } = body;
    return sendTo(deps, { identifier, purpose: 'recover', ip, captchaToken, onlyFor, exceptContact });
  });

  route(publicServer, completeSecondProof, async ({ body, ip, headers, reply, userAgent }) => {
    const { delivery = 'body', challenge, proof } = body;
    wallProof(deps, proof);
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const network = networkOf(ip);
    const challengeHash = digest(challenge);
    const pending = await db.transaction((tx) => raisePendingTries(tx, challengeHash, now(), 'second_proof'));
    if (pending === undefined) return fail(factorInvalid, { detail: 'Start the sign-in again' });
    const { accountId, contactId } = pending;
    const others = await db.read
      .selectFrom('contact')
      .select('blind_index')
      .where('account_id', '=', accountId)
      .where('id', '<>', contactId ?? '')
      .execute();
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network, delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const identifierHashes = others.map((row) => row.blind_index);
    const question = { accountId, budget: accountId, identifierHashes, proof, network };
    const started = await withProof(deps, question, async (tx, proven) => {
      if ((await lockStatus(tx, accountId, 'share')) !== 'active') return fail(accountCancelled);
      const kind = proven.kind === 'code' ? 'second_code' : proven.kind;
      const secondFactor = (await secondFactorsOf(tx, accountId)).length > 0;
      if (!isEnough(['code', kind], { secondFactor, doubtful: true }))
        return fail(factorInvalid, { detail: 'This proof is right, but does not stand for the second factor' });
      const { method, acceptedTerms } = (await takePendingSignIn(tx, challengeHash)) ?? fail(factorInvalid);
      return startSession(tx, deps, { accountId, method: `${method}+${kind}`, acceptedTerms, caller });
    });
    return { status: 201, body: { ...(await answerOf(reply, delivery, started)), created: false }, headers: noStore };
  });

  route(publicServer, disownAccount, async ({ body, ip, headers, reply, userAgent }) => {
    const { delivery = 'body', challenge } = body;
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const { termsVersion } = registration;
    assertConsent(deps, body.termsVersion);
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network: networkOf(ip), delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const started = await db.transaction((tx) =>
      disown(tx, deps, { challengeHash: digest(challenge), termsVersion, caller }),
    );
    return { status: 201, body: { ...(await answerOf(reply, delivery, started)), created: true }, headers: noStore };
  });
};
