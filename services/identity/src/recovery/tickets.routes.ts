// Tickets of those who have nothing left to prove their account by.
import { codeInvalid, codeLimitReached } from '@meridian/contracts/identity.ts';
import {
  completeRecoveryTicket,
  getRecoveryTicket,
  openRecoveryTicket,
  recoveryInvalid,
  sendTicketCode,
  stopRecovery,
} from '@meridian/contracts/identity-recovery.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { reserveBehind, withCaptcha } from '../captcha/with-captcha.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import { checkCode } from '../codes/check-code.ts';
import { refund } from '../codes/limit.store.ts';
import type { Rule } from '../codes/limits.ts';
import { networkOf } from '../codes/network.ts';
import { placeRules, sendGates } from '../codes/place-rules.ts';
import { totalRule } from '../codes/send-code.ts';
import { digest } from '../crypto/mac.ts';
import type { IdentityDeps } from '../deps.ts';
import { createRefreshCookies } from '../sessions/refresh-cookie.ts';
import { createTokenAnswers, noStore } from '../sessions/token-answer.ts';
import { completeTicket, readyTicket } from './complete-ticket.ts';
import { decoyAccount, findNamed, type Named, readName } from './name-account.ts';
import { openTicket } from './open-ticket.ts';
import { asksRealNames, isPerson } from './real-name.ts';
import { sendTo } from './send-to.ts';
import { stopByCode } from './stop-recovery.ts';
import { findTicket, lifeOf } from './ticket.store.ts';
import { outsideStatus, type RealNameVerdict, ticketsPerDay } from './ticket.ts';

export const ticketRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, codeSecrets } = deps;
  const { registration, links } = region.profile;
  const cookies = createRefreshCookies(region.profile);
  const answerOf = createTokenAnswers(deps, cookies);

  /** Verification is asked about somebody in any case, so that the time does not tell. */
  const compare = async (named: Named, realName: { name: string; number: string } | undefined) => {
    if (realName === undefined || !asksRealNames(deps)) return 'not_asked' satisfies RealNameVerdict;
    const accountId = (await findNamed(db.read, named)) ?? decoyAccount(region.id, named.hash);
    return (await isPerson(deps, { accountId, named: named.hash }, realName)) ? 'match' : 'no_match';
  };

  route(publicServer, openRecoveryTicket, async ({ body, ip }) => {
    const network = networkOf(ip);
    const named = readName(deps, body.account);
    const contact = acceptIdentifier(registration, body.contact);
    const gates = sendGates(deps, ip);
    const at = deps.now();
    const ofTheTicket: Rule[] = [
      { scope: `ticket:${codeSecrets.identifierScope('send', named.hash)}`, slotSeconds: 60, windows: ticketsPerDay },
      // The notice to the owner, which no limit may hold back later.
      totalRule(deps.sendLimits),
    ];
    const rules = [...placeRules(deps, ip), ...ofTheTicket];
    const { retryAfter } = await withCaptcha(deps, body.captchaToken, async (personShown) => {
      const answer = await db.transaction((tx) => reserveBehind(tx, { personShown, gates, rules, now: at }));
      return answer === 'captcha' ? { outcome: 'captcha_required' } : { outcome: 'booked', retryAfter: answer };
    });
    if (retryAfter !== undefined)
      return fail(codeLimitReached, { retryAfter, detail: 'Too many tickets; wait, or use one that is open' });
    const realName = await compare(named, body.realName).catch(async (error: unknown) => {
      // No ticket comes of it: an outage of verification must not use up the tickets of the day.
      for (const rule of ofTheTicket) await refund(db.read, rule, at);
      throw error;
    });
    const { ticketId, ticketToken, coolingUntil } = await db.transaction((tx) =>
      openTicket(tx, deps, { named, contact, realName, message: body.message, network }),
    );
    const coolingOffUntil = coolingUntil.toISOString();
    return { status: 202, body: { ticketId, ticketToken, coolingOffUntil }, headers: noStore };
  });

  route(publicServer, getRecoveryTicket, async ({ body }) => {
    const ticket = (await findTicket(db.read, digest(body.ticketToken))) ?? fail(recoveryInvalid);
    return {
      status: 200,
      body: {
        status: outsideStatus(lifeOf(ticket), deps.now()),
        coolingOffUntil: ticket.cooling_until.toISOString(),
        endsAt: ticket.expires_at.toISOString(),
        helpCentre: links.helpCentre,
      },
      headers: noStore,
    };
  });

  route(publicServer, sendTicketCode, async ({ body, ip }) => {
    const contact = acceptIdentifier(registration, body.contact);
    const ticket = readyTicket(await findTicket(db.read, digest(body.ticketToken)), deps.now());
    // Answered alike, sent only to the address the ticket was opened with.
    const same = codeSecrets.identifierHash(contact.kind, contact.value) === ticket.contact_hash;
    const only = same ? {} : { onlyFor: null };
    const command = { identifier: contact, purpose: 'bind', ip, captchaToken: body.captchaToken } as const;
    return sendTo(deps, { ...command, accountId: ticket.account_id, ...only });
  });

  route(publicServer, completeRecoveryTicket, async ({ body, ip, headers, reply, userAgent }) => {
    const { delivery = 'body', contact, password, termsVersion } = body;
    deps.wall(contact.codeId);
    if (delivery === 'cookie') cookies.assertOrigin(headers.origin);
    const network = networkOf(ip);
    const identifier = acceptIdentifier(registration, contact.identifier);
    const tokenHash = digest(body.ticketToken);
    const ticket = readyTicket(await findTicket(db.read, tokenHash), deps.now());
    const { codeId, code } = contact;
    const hash = codeSecrets.identifierHash(identifier.kind, identifier.value);
    if (hash !== ticket.contact_hash)
      return fail(codeInvalid, { detail: 'The ticket was opened with another address' });
    await checkCode(deps, {
      codeId,
      purpose: 'bind',
      identifierHashes: [hash],
      code,
      network,
      accountId: ticket.account_id,
    });
    const passwordHash = password === undefined ? undefined : await deps.passwords.hash(password);
    const deviceId = delivery === 'cookie' ? cookies.deviceId(reply) : body.deviceId;
    const caller = { network, delivery, device: deps.deviceOf({ userAgent, headers, deviceId }) };
    const started = await db.transaction((tx) =>
      completeTicket(tx, deps, { tokenHash, contact: identifier, codeId, passwordHash, termsVersion, caller }),
    );
    return { status: 201, body: { ...(await answerOf(reply, delivery, started)), created: false }, headers: noStore };
  });

  route(publicServer, stopRecovery, async ({ body, ip }) => {
    const stopped = await db.transaction((tx) => stopByCode(tx, deps, { ...body, network: networkOf(ip) }));
    return stopped ? { status: 204 } : fail(recoveryInvalid);
  });
};
