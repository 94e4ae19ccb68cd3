// identity: for those who cannot sign in. Recovery by what is left, tickets with a cooling-off, and numbers that changed hands.
import { z } from 'zod';
import {
  accountCancelled,
  accountId,
  consentRequired,
  idOf,
  notFound,
  pageOf,
  pageQuery,
  personLetter,
  personText,
  rateLimited,
  regionMismatch,
  timestamp,
  unavailable,
} from './common.ts';
import { endpoint } from './endpoint.ts';
import {
  captchaRequired,
  codeInvalid,
  codeLimitReached,
  contactTaken,
  credentialsInvalid,
  delivery,
  deviceId,
  factorInvalid,
  identifier,
  identifierNotAccepted,
  originNotAllowed,
  passkeyInvalid,
  passkeyProof,
  password,
  refreshInvalid,
  roleMissing,
  secondFactorRequired,
  secondProofRequired,
  signInFailed,
  tokens,
  tooManyContacts,
} from './identity.ts';
import { problem } from './problem.ts';

export const recoveryInvalid = problem(
  'recovery_invalid',
  401,
  'This recovery is over, was stopped, or was never begun; begin again',
);
/** Carries `missing`: proofs of which one is still needed. */
export const recoveryNotProven = problem('recovery_not_proven', 403, 'What was shown so far does not open the account');
export const recoveryNotReady = problem('recovery_not_ready', 409, 'The recovery cannot be completed yet');
export const recoveryNeedsChange = problem(
  'recovery_needs_change',
  422,
  'A recovery sets a new address, a new password, or both',
);
export const ticketDecided = problem('ticket_decided', 409, 'The ticket was decided, stopped or completed before');
export const noReachableContact = problem(
  'no_reachable_contact',
  409,
  'The account has no address that a recovery could be sent to; the person opens a ticket',
);

/**
 * Every failure of a sign-in, a registration, a refresh or a recovery. Identity adds `helpCentre` to each of them: the address of the
 * profile's account help centre, for a front end to show.
 */
export const leadsToHelpCentre = [
  codeInvalid,
  codeLimitReached,
  captchaRequired,
  identifierNotAccepted,
  consentRequired,
  credentialsInvalid,
  secondFactorRequired,
  secondProofRequired,
  factorInvalid,
  passkeyInvalid,
  refreshInvalid,
  originNotAllowed,
  signInFailed,
  roleMissing,
  accountCancelled,
  contactTaken,
  tooManyContacts,
  recoveryInvalid,
  recoveryNotProven,
  recoveryNotReady,
  recoveryNeedsChange,
  // Of what a sign-in needs and cannot reach, and of floods.
  unavailable,
  rateLimited,
] as const;

/** How a person names the account: any address it has, or its id, which bills and the console show. */
const accountName = z.discriminatedUnion('kind', [
  ...identifier.options,
  z.strictObject({ kind: z.literal('account'), value: accountId }),
]);
const captchaToken = z.string().min(1).max(2048).optional().describe('After `captcha_required`');
const code = z.string().regex(/^[0-9]{6}$/);
const token = z.string().min(20).max(200);
const sent = z.strictObject({ codeId: idOf('cod'), expiresAt: timestamp, resendAfter: timestamp });
const realName = z.strictObject({
  name: personText(60),
  number: z
    .string()
    .trim()
    .min(15)
    .max(18)
    .regex(/^[0-9A-Za-z]+$/),
});

/** What can be shown beside or instead of a code. `linked_login` is shown by signing in with it. */
export const proofKinds = [
  'code',
  'second_code',
  'passkey',
  'totp',
  'recovery_code',
  'real_name',
  'linked_login',
] as const;
export type ProofKind = (typeof proofKinds)[number];
const kinds = z.array(z.enum(proofKinds));

const proof = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('code'), codeId: idOf('cod'), code }),
  z.strictObject({ method: z.literal('totp'), code }),
  z.strictObject({ method: z.literal('recovery_code'), code: z.string().regex(/^[0-9A-Z]{5}-[0-9A-Z]{5}$/) }),
  passkeyProof,
  realName.extend({ method: z.literal('real_name') }),
]);
export type Proof = z.output<typeof proof>;

export const beginRecovery = endpoint({
  id: 'beginRecovery',
  service: 'identity',
  method: 'POST',
  path: '/v1/recoveries',
  summary: 'Begin to recover an account by what is left of it',
  description:
    'The answer is the same whether or not an account exists; a code goes only to an address that an account has. The recovery lives 30 minutes.',
  auth: { kind: 'none' },
  body: z.strictObject({ account: accountName, captchaToken }),
  answers: { 202: sent.extend({ recoveryToken: z.string(), endsAt: timestamp }) },
  problems: [identifierNotAccepted, codeLimitReached, captchaRequired, regionMismatch],
  limit: { max: 30, windowSeconds: 60 },
});

export const sendRecoveryCode = endpoint({
  id: 'sendRecoveryCode',
  service: 'identity',
  method: 'POST',
  path: '/v1/recoveries/codes',
  summary: 'Send a code to another address of the account, or to the one that is to be added',
  description:
    '`proof`: sent only if the address is one of the account; the answer is the same if not. `new_contact`: once the recovery is proven.',
  auth: { kind: 'none' },
  body: z.strictObject({ recoveryToken: token, identifier, use: z.enum(['proof', 'new_contact']), captchaToken }),
  answers: { 202: sent },
  problems: [recoveryInvalid, recoveryNotProven, identifierNotAccepted, codeLimitReached, captchaRequired],
  limit: { max: 30, windowSeconds: 60 },
});

export const proveRecovery = endpoint({
  id: 'proveRecovery',
  service: 'identity',
  method: 'POST',
  path: '/v1/recoveries/proofs',
  summary: 'Show one proof',
  description:
    'Enough is: a passkey; a code, where no second factor is on, to a number of an account that was not used for long only with the code of another number or a real name; where a second factor is on, one of authenticator and recovery code beside a code, or both. A recovery takes 10 tries.',
  auth: { kind: 'none' },
  body: z.strictObject({ recoveryToken: token, proof }),
  answers: {
    200: z.strictObject({
      proven: kinds,
      enough: z.boolean(),
      missing: kinds.describe('One of these is still needed'),
    }),
  },
  problems: [recoveryInvalid, codeInvalid, codeLimitReached, factorInvalid, regionMismatch],
  limit: { max: 30, windowSeconds: 60 },
});

const newContact = z.strictObject({ identifier, codeId: idOf('cod'), code });

export const completeRecovery = endpoint({
  id: 'completeRecovery',
  service: 'identity',
  method: 'POST',
  path: '/v1/recoveries/completion',
  summary: 'Set a new address or password and sign in',
  description:
    'Every older session ends, what was pending is dropped, every address is told. Keys stay; recharge and new keys are refused (`account_restricted`) for the time the profile names. Terms that changed since must be accepted (`consent_required`): send the same again, with them.',
  auth: { kind: 'none' },
  body: z.strictObject({
    recoveryToken: token,
    contact: newContact.optional(),
    replaceContacts: z.boolean().optional().describe('The new address takes the place of all others'),
    password: password.optional(),
    termsVersion: z.string().max(40).optional(),
    delivery: delivery.optional(),
    deviceId,
  }),
  answers: { 201: tokens },
  problems: [
    recoveryInvalid,
    recoveryNotProven,
    recoveryNeedsChange,
    codeInvalid,
    codeLimitReached,
    identifierNotAccepted,
    contactTaken,
    tooManyContacts,
    consentRequired,
    accountCancelled,
    regionMismatch,
    originNotAllowed,
  ],
  limit: { max: 30, windowSeconds: 60 },
});

export const openRecoveryTicket = endpoint({
  id: 'openRecoveryTicket',
  service: 'identity',
  method: 'POST',
  path: '/v1/recovery-tickets',
  summary: 'Ask for the account with nothing left to prove it by',
  description:
    'The answer is the same whether or not an account exists. Every address of the account is told and can stop it in one step; nothing happens before the cooling-off has ended. Where real names are asked for, name and number are compared with what the account was verified with and not kept. Three tickets a day for one name.',
  auth: { kind: 'none' },
  body: z.strictObject({
    account: accountName,
    contact: identifier.describe('Where the person can be reached; it becomes the address of the account'),
    realName: realName.optional(),
    message: personLetter(500).optional().describe('For the staff who decide'),
    captchaToken,
  }),
  answers: { 202: z.strictObject({ ticketId: idOf('rtk'), ticketToken: z.string(), coolingOffUntil: timestamp }) },
  problems: [identifierNotAccepted, codeLimitReached, captchaRequired, regionMismatch],
  limit: { max: 10, windowSeconds: 60 },
});

export const getRecoveryTicket = endpoint({
  id: 'getRecoveryTicket',
  service: 'identity',
  method: 'POST',
  path: '/v1/recovery-tickets/status',
  summary: 'How far a ticket is',
  description:
    'A POST, so that the token is in no address. A ticket that was refused or stopped reads as one for an account that does not exist: `cooling_off`, then `in_review`, and `refused` once its time is over.',
  auth: { kind: 'none' },
  body: z.strictObject({ ticketToken: token }),
  answers: {
    200: z.strictObject({
      status: z.enum(['cooling_off', 'in_review', 'ready', 'refused', 'completed']),
      coolingOffUntil: timestamp,
      endsAt: timestamp.describe('A ticket that was not completed by then is refused'),
      helpCentre: z.url(),
    }),
  },
  problems: [recoveryInvalid],
  limit: { max: 60, windowSeconds: 60 },
});

export const sendTicketCode = endpoint({
  id: 'sendTicketCode',
  service: 'identity',
  method: 'POST',
  path: '/v1/recovery-tickets/codes',
  summary: "Send a code to the ticket's contact, once the ticket is ready",
  auth: { kind: 'none' },
  body: z.strictObject({ ticketToken: token, contact: identifier, captchaToken }),
  answers: { 202: sent },
  problems: [recoveryInvalid, recoveryNotReady, identifierNotAccepted, codeLimitReached, captchaRequired],
  limit: { max: 30, windowSeconds: 60 },
});

export const completeRecoveryTicket = endpoint({
  id: 'completeRecoveryTicket',
  service: 'identity',
  method: 'POST',
  path: '/v1/recovery-tickets/completion',
  summary: 'Prove the new address and sign in',
  description:
    'The new address, and a password if one is given, are from then on the only way in: whoever holds the old ones stays out. Terms that changed since must be accepted (`consent_required`): send the same again, with them.',
  auth: { kind: 'none' },
  body: z.strictObject({
    ticketToken: token,
    contact: newContact,
    password: password.optional(),
    termsVersion: z.string().max(40).optional(),
    delivery: delivery.optional(),
    deviceId,
  }),
  answers: { 201: tokens },
  problems: [
    recoveryInvalid,
    recoveryNotReady,
    codeInvalid,
    codeLimitReached,
    identifierNotAccepted,
    contactTaken,
    consentRequired,
    accountCancelled,
    regionMismatch,
    originNotAllowed,
  ],
  limit: { max: 30, windowSeconds: 60 },
});

export const stopRecovery = endpoint({
  id: 'stopRecovery',
  service: 'identity',
  method: 'POST',
  path: '/v1/recovery-tickets/stop',
  summary: '"This was not me": stop a recovery by the code in its notice',
  auth: { kind: 'none' },
  body: z.strictObject({ stopCode: z.string().regex(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/) }),
  answers: { 204: null },
  problems: [recoveryInvalid],
  limit: { max: 10, windowSeconds: 60 },
});

export const stopOwnRecoveries = endpoint({
  id: 'stopOwnRecoveries',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/account/recoveries',
  summary: 'Stop every recovery of the signed-in account',
  auth: { kind: 'user' },
  answers: { 200: z.strictObject({ stopped: z.number().int() }) },
  problems: [],
});

export const sendSecondProofCode = endpoint({
  id: 'sendSecondProofCode',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/second-proof/codes',
  summary: 'Send a code to another address of the account that is being signed in to',
  description: 'Sent only if the address is another one of the account; the answer is the same if not.',
  auth: { kind: 'none' },
  body: z.strictObject({ challenge: token, identifier, captchaToken }),
  answers: { 202: sent },
  problems: [factorInvalid, identifierNotAccepted, codeLimitReached, captchaRequired],
  limit: { max: 30, windowSeconds: 60 },
});

export const completeSecondProof = endpoint({
  id: 'completeSecondProof',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/second-proof',
  summary: 'Complete a sign-in with a second proof',
  description:
    'After `second_proof_required`: the account was not used for the time the profile names, so its number may have a new holder. The challenge lives 10 minutes and takes 5 tries.',
  auth: { kind: 'none' },
  body: z.strictObject({ challenge: token, proof, delivery: delivery.optional(), deviceId }),
  answers: { 201: tokens },
  problems: [factorInvalid, codeInvalid, codeLimitReached, accountCancelled, regionMismatch, originNotAllowed],
  limit: { max: 30, windowSeconds: 60 },
});

export const disownAccount = endpoint({
  id: 'disownAccount',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/second-proof/not-mine',
  summary: '"This is not mine": the new holder of a number begins an account of their own',
  description:
    'The number leaves the old account, which keeps everything else and is told at its other addresses. A new account with a new id begins.',
  auth: { kind: 'none' },
  body: z.strictObject({
    challenge: token,
    termsVersion: z.string().max(40).optional(),
    delivery: delivery.optional(),
    deviceId,
  }),
  answers: { 201: tokens },
  problems: [factorInvalid, consentRequired, accountCancelled, originNotAllowed],
  limit: { max: 30, windowSeconds: 60 },
});

const reason = personText(500).describe('Kept in the audit');
const ticket = z.strictObject({
  ticketId: idOf('rtk'),
  accountId,
  status: z.enum(['cooling_off', 'in_review', 'ready', 'refused', 'stopped', 'completed']),
  contact: z.string().describe('Masked'),
  realName: z.enum(['match', 'no_match', 'not_asked']),
  message: z.string().nullable(),
  openedAt: timestamp,
  coolingOffUntil: timestamp,
  endsAt: timestamp,
});

export const listRecoveries = endpoint({
  id: 'listRecoveries',
  service: 'identity',
  method: 'GET',
  path: '/staff/v1/recoveries',
  summary: 'Recovery tickets, newest first',
  description: 'Only tickets for accounts that exist. Who read what a person wrote is kept in the audit.',
  auth: { kind: 'staff', roles: ['support', 'admin'] },
  query: pageQuery.extend({ accountId: accountId.optional() }),
  answers: { 200: pageOf(ticket) },
  problems: [],
});

export const startRecovery = endpoint({
  id: 'startRecovery',
  service: 'identity',
  method: 'POST',
  path: '/staff/v1/recoveries',
  summary: 'Start a recovery for a person',
  description:
    'A recovery token goes to every address the account has, and to nobody else: staff neither see it nor choose the new credential (OWASP ASVS 6.4.6).',
  auth: { kind: 'staff', roles: ['support', 'admin'] },
  body: z.strictObject({ accountId, reason }),
  answers: { 202: z.strictObject({ recoveryId: idOf('rcv'), addressesTold: z.number().int(), endsAt: timestamp }) },
  problems: [notFound, noReachableContact],
  limit: { max: 30, windowSeconds: 60 },
});

export const decideRecovery = endpoint({
  id: 'decideRecovery',
  service: 'identity',
  method: 'POST',
  path: '/staff/v1/recoveries/{ticketId}/decision',
  summary: 'Approve or refuse a ticket',
  description: 'An approval does not shorten the cooling-off.',
  auth: { kind: 'staff', roles: ['support', 'admin'] },
  params: z.strictObject({ ticketId: idOf('rtk') }),
  body: z.strictObject({ decision: z.enum(['approved', 'refused']), reason }),
  answers: { 200: ticket },
  problems: [notFound, ticketDecided],
  limit: { max: 60, windowSeconds: 60 },
});

/** Of a sign-in, a registration or a recovery: whatever they refuse leads to the help centre. */
export const recoveryEndpoints = [
  beginRecovery,
  sendRecoveryCode,
  proveRecovery,
  completeRecovery,
  openRecoveryTicket,
  getRecoveryTicket,
  sendTicketCode,
  completeRecoveryTicket,
  stopRecovery,
  sendSecondProofCode,
  completeSecondProof,
  disownAccount,
] as const;

export const endpoints = [
  ...recoveryEndpoints,
  stopOwnRecoveries,
  listRecoveries,
  startRecovery,
  decideRecovery,
] as const;
