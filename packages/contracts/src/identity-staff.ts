// identity, for staff: signing in to the console, signing out, and what staff may do to accounts. Every action carries a reason and leaves a line in
// the audit, in the transaction of its effect.
import { z } from 'zod';
import { accountId, idOf, notFound, pageOf, pageQuery, personText, timestamp } from './common.ts';
import { endpoint, staffRoles } from './endpoint.ts';
import { roleMissing, signInFailed } from './identity.ts';

const staffId = idOf('stf');
/** Why; shown to whoever reads the audit. */
const reason = personText(500);
/** RFC 7636, 4.1 and 4.2: base64url of a SHA-256, and what it was made of. */
const codeChallenge = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const codeVerifier = z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/);

export const staffSession = z.strictObject({
  accessToken: z.string(),
  tokenType: z.literal('Bearer'),
  expiresIn: z.number().int().describe('Seconds'),
  staffId: z.string(),
  roles: z.array(z.enum(staffRoles)),
});

export const startStaffSignIn = endpoint({
  id: 'startStaffSignIn',
  service: 'identity',
  method: 'GET',
  path: '/staff/v1/sign-in',
  summary: "Begin staff sign-in at the operator's OpenID provider",
  description:
    'Redirects with PKCE (S256), nonce and a state that is bound to this browser by a cookie; single use, 10 minutes. A console gives a `codeChallenge` (RFC 7636) of its own and is sent back to with a one-time code.',
  auth: { kind: 'none' },
  query: z.strictObject({ codeChallenge: codeChallenge.optional() }),
  answers: { 302: null },
  problems: [],
  limit: { max: 60, windowSeconds: 60 },
});

export const finishStaffSignIn = endpoint({
  id: 'finishStaffSignIn',
  service: 'identity',
  method: 'GET',
  path: '/staff/v1/sign-in/callback',
  summary: 'Where the OpenID provider sends staff back to',
  description:
    'Of a sign-in that a console began: redirects to the console of the profile, with a one-time code in the fragment, where no server and no log sees it. Otherwise answers the token, for programs.',
  auth: { kind: 'none' },
  query: z.looseObject({
    state: z.string().max(200),
    code: z.string().max(2000).optional(),
    error: z.string().max(200).optional(),
    iss: z.string().max(500).optional(),
  }),
  answers: { 200: staffSession, 303: null },
  problems: [signInFailed, roleMissing],
  limit: { max: 60, windowSeconds: 60 },
});

export const completeStaffSignIn = endpoint({
  id: 'completeStaffSignIn',
  service: 'identity',
  method: 'POST',
  path: '/staff/v1/sign-in/completion',
  summary: 'Exchange the one-time code of a sign-in for the token',
  description: 'Once, within a minute, by whoever holds the verifier of the challenge that began the sign-in.',
  auth: { kind: 'none' },
  body: z.strictObject({ code: z.string().regex(/^[A-Za-z0-9_-]{43}$/), codeVerifier }),
  answers: { 200: staffSession },
  problems: [signInFailed],
  limit: { max: 60, windowSeconds: 60 },
});

export const endOwnStaffSessions = endpoint({
  id: 'endOwnStaffSessions',
  service: 'identity',
  method: 'DELETE',
  path: '/staff/v1/session',
  summary: 'Sign out: every token of this person ends',
  description: 'At once in identity; a token already issued lives on elsewhere for at most its 15 minutes.',
  auth: { kind: 'staff', roles: [...staffRoles] },
  answers: { 204: null },
  problems: [],
});

export const signOutStaff = endpoint({
  id: 'signOutStaff',
  service: 'identity',
  method: 'POST',
  path: '/staff/v1/staff/{staffId}/sign-out',
  summary: 'End every token of another member of staff',
  description: 'As their own sign-out. Who must stay out is removed at the OpenID provider, too.',
  auth: { kind: 'staff', roles: ['admin'] },
  params: z.strictObject({ staffId }),
  body: z.strictObject({ reason }),
  answers: { 204: null },
  problems: [notFound],
});

export const endAccountSessions = endpoint({
  id: 'endAccountSessions',
  service: 'identity',
  method: 'POST',
  path: '/staff/v1/account-sessions/end',
  summary: 'End every session of an account',
  description: 'The owner is told, and sees it in the security log. Keys go on working.',
  auth: { kind: 'staff', roles: ['support', 'admin'] },
  body: z.strictObject({ accountId, reason }),
  answers: { 200: z.strictObject({ ended: z.number().int() }) },
  problems: [notFound],
  limit: { max: 60, windowSeconds: 60 },
});

export const listStaffAudit = endpoint({
  id: 'listStaffAudit',
  service: 'identity',
  method: 'GET',
  path: '/staff/v1/audit',
  summary: 'What staff did, newest first',
  auth: { kind: 'staff', roles: ['admin'] },
  query: pageQuery.extend({ staffId: staffId.optional(), subject: idOf('(acc|rtk|stf)').optional() }),
  answers: {
    200: pageOf(
      z.strictObject({
        at: timestamp,
        staffId: z.string(),
        action: z.string().describe('"signed_in" or what was done'),
        subject: z.string().nullable().describe('Id of the account, ticket or person it was done to'),
        reason: z.string().nullable(),
        roles: z.array(z.enum(staffRoles)),
      }),
    ),
  },
  problems: [],
});

export const endpoints = [
  startStaffSignIn,
  finishStaffSignIn,
  completeStaffSignIn,
  endOwnStaffSessions,
  signOutStaff,
  endAccountSessions,
  listStaffAudit,
];
