// Recovery by what is left of an account.
import {
  beginRecovery,
  completeRecovery,
  proveRecovery,
  recoveryInvalid,
  recoveryNeedsChange,
  recoveryNotProven,
  sendRecoveryCode,
  stopOwnRecoveries,
} from '@meridian/contracts/identity-recovery.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { withCaptcha } from '../captcha/with-captcha.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import { checkCode } from '../codes/check-code.ts';
import { networkOf } from '../codes/network.ts';
import { refuseLimited } from '../codes/refuse-limited.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentityDeps } from '../deps.ts';
import { wallProof } from '../factors/wall-proof.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { createTokenAnswers, noStore } from '../sessions/token-answer.ts';
import { beginRecovery as begin, sendFirstCode } from './begin-recovery.ts';
import { completeRecovery as complete } from './complete-recovery.ts';
import { readName } from './name-account.ts';
import { missingOf, proveRecovery as prove, provenAccount } from './prove-recovery.ts';
import { findRecovery } from './recovery.store.ts';
import { sendTo } from './send-to.ts';
import { stopAllOf } from './stop-recovery.ts';

export const recoveryRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region } = deps;
  const { registration } = region.profile;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);
  const living = async (recoveryToken: string) =>
    (await findRecovery(db.read, digest(recoveryToken), deps.now())) ?? fail(recoveryInvalid);

  route(publicServer, beginRecovery, async ({ body, ip }) => {
    const named = readName(deps, body.account);
    const sent = await withCaptcha(deps, body.captchaToken, (personShown) =>
      db.transaction((tx) => sendFirstCode(tx, deps, { named, ip, personShown })),
    );
    if (sent.outcome === 'limited') return refuseLimited(deps, sent);
    const { recoveryToken, endsAt } = await db.transaction((tx) => begin(tx, deps, named));
    const { codeId, message, expiresAt, resendAfter } = sent;
    if (message !== undefined && named.identifier !== undefined)
      deps.delivery.hand(named.identifier.method, { ...message, codeId });
    return {
      status: 202,
      body: {
        codeId,
        recoveryToken,
        expiresAt: expiresAt.toISOString(),
        resendAfter: resendAfter.toISOString(),
        endsAt: endsAt.toISOString(),
      },
      headers: noStore,
    };
  });

  route(publicServer, sendRecoveryCode, async ({ body, ip }) => {
    const recovery = await living(body.recoveryToken);
    const identifier = acceptIdentifier(registration, body.identifier);
    const asked = { identifier, ip, captchaToken: body.captchaToken };
    if (body.use === 'proof') return sendTo(deps, { ...asked, purpose: 'recover', onlyFor: recovery.account_id });
    const accountId = await db.transaction((tx) => provenAccount(tx, deps, recovery));
    if (accountId === undefined) return fail(recoveryNotProven, { missing: await missingOf(deps, recovery) });
    return sendTo(deps, { ...asked, purpose: 'bind', accountId });
  });

  route(publicServer, proveRecovery, async ({ body, ip }) => {
    wallProof(deps, body.proof);
    const answer = await prove(deps, { ...body, network: networkOf(ip) });
    return { status: 200, body: answer };
  });

  route(publicServer, completeRecovery, async ({ body, ip, headers, reply, userAgent }) => {
    const { delivery = 'body', recoveryToken, contact, password } = body;
    if (contact !== undefined) deps.wall(contact.codeId);
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const recovery = await living(recoveryToken);
    const accountId = await db.transaction((tx) => provenAccount(tx, deps, recovery));
    if (accountId === undefined) return fail(recoveryNotProven, { missing: await missingOf(deps, recovery) });
    if (contact === undefined && password === undefined) return fail(recoveryNeedsChange);
    const network = networkOf(ip);
    const identifier = contact && acceptIdentifier(registration, contact.identifier);
    if (contact !== undefined && identifier !== undefined) {
      const { codeId, code } = contact;
      const identifierHashes = [deps.codeSecrets.identifierHash(identifier.kind, identifier.value)];
      await checkCode(deps, { codeId, purpose: 'bind', identifierHashes, code, network, accountId });
    }
    const passwordHash = password === undefined ? undefined : await deps.passwords.hash(password);
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network, delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const started = await db.transaction((tx) =>
      complete(tx, deps, {
        tokenHash: digest(recoveryToken),
        contact: contact && identifier && { identifier, codeId: contact.codeId },
        replaceContacts: body.replaceContacts === true,
        passwordHash,
        termsVersion: body.termsVersion,
        caller,
      }),
    );
    return { status: 201, body: { ...(await answerOf(reply, delivery, started)), created: false }, headers: noStore };
  });

  route(publicServer, stopOwnRecoveries, async ({ auth, ip }) => {
    const stopped = await db.transaction((tx) =>
      stopAllOf(tx, deps, { accountId: auth.accountId, network: networkOf(ip) }),
    );
    return { status: 200, body: { stopped } };
  });
};
