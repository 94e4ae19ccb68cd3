// identity: sign-in with accounts elsewhere, and the logins that are linked to an account.
import { z } from 'zod';
import { accountCancelled, consentRequired, idOf, notFound, personText, regionMismatch, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import {
  captchaRequired,
  codeInvalid,
  codeLimitReached,
  contactTaken,
  delivery,
  identifier,
  identifierNotAccepted,
  lastLoginMethod,
  originNotAllowed,
  reauthenticationRequired,
  secondFactorRequired,
  tokens,
  tooManyContacts,
} from './identity.ts';
import { problem } from './problem.ts';

export const returnNotAllowed = problem(
  'return_not_allowed',
  422,
  'The browser can be sent back only to an address that the region lists',
);
/** Carries `helpCentre`, as the other problems of this page do. */
export const loginFlowInvalid = problem(
  'login_flow_invalid',
  401,
  'This sign-in was used, is too old, or was begun in another browser; start again',
);
/** Carries `bindingToken` and `expiresAt`. The token reaches the two binding endpoints and nothing else. */
export const phoneBindingRequired = problem(
  'phone_binding_required',
  403,
  'A mobile number must be bound before this login has an account',
);
export const accountExists = problem(
  'account_exists',
  409,
  'The number belongs to an account: sign in to it, then link this login there',
);
export const loginTaken = problem('login_taken', 409, 'This login belongs to another account; nothing is merged');
export const loginNotLinked = problem('login_not_linked', 403, 'This login is not linked to the account');
export const tooManyLogins = problem('too_many_logins', 409, 'An account has at most twenty linked logins');
export const pushRefused = problem('push_refused', 401, 'The message is not provably from the provider');

const provider = z
  .string()
  .regex(/^[a-z]{2,20}$/)
  .describe('One of `registration.federated` of the region');
const params = z.strictObject({ provider });
const returnTo = z.url().max(300).describe('An address that the profile lists, character by character');
/** 256 random bits, base64url. */
const secretToken = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const begun = z.strictObject({
  authorizeUrl: z.url().describe('Send the browser there; the flow lives 10 minutes'),
  expiresAt: timestamp,
});
const deviceId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/)
  .optional();

export const beginLogin = endpoint({
  id: 'beginLogin',
  service: 'identity',
  method: 'POST',
  path: '/v1/logins/{provider}',
  summary: 'Begin to sign in with an account elsewhere',
  description:
    'Binds the flow to this browser by a `__Host-` cookie: call it with credentials from a page of the region, then send the browser to `authorizeUrl`. It comes back to `returnTo` with `login` (a code for POST /v1/sessions/login) or with `login_error` and `help`.',
  auth: { kind: 'none' },
  params,
  body: z.strictObject({ returnTo }),
  answers: { 201: begun },
  problems: [notFound, originNotAllowed, returnNotAllowed],
  limit: { max: 60, windowSeconds: 60 },
});

/** Providers add members of their own; what we read is bounded. */
const callbackQuery = z.looseObject({
  state: z.string().max(200).optional(),
  code: z.string().max(2000).optional(),
  auth_code: z.string().max(2000).optional(),
  error: z.string().max(200).optional(),
});

export const loginCallback = endpoint({
  id: 'loginCallback',
  service: 'identity',
  method: 'GET',
  path: '/v1/logins/{provider}/callback',
  summary: 'Where a provider sends the browser back to',
  description:
    'Leads on to the front end, whatever the provider said. Neither tokens nor personal data are in that address: `login` is a code that works once, for 5 minutes, in this browser.',
  auth: { kind: 'none' },
  params,
  query: callbackQuery,
  answers: { 303: null },
  problems: [notFound],
  limit: { max: 120, windowSeconds: 60 },
});

export const loginCallbackForm = endpoint({
  id: 'loginCallbackForm',
  service: 'identity',
  method: 'POST',
  path: '/v1/logins/{provider}/callback',
  summary: 'The same, for a provider that answers by a form from its own site (Apple)',
  auth: { kind: 'none' },
  params,
  body: 'raw',
  maxBodyBytes: 16 * 1024,
  answers: { 303: null },
  problems: [notFound],
  limit: { max: 120, windowSeconds: 60 },
});

const completion = z.strictObject({
  code: secretToken.describe('`login` of the address that the browser came back to'),
});

export const completeLogin = endpoint({
  id: 'completeLogin',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/login',
  summary: 'Sign in, or register, with the answer of a provider',
  description:
    'From the browser that began. A login that nobody has registers a new account, also where its e-mail is known: nothing is merged. Where the region binds phones, such a login ends in `phone_binding_required` instead.',
  auth: { kind: 'none' },
  body: completion.extend({ termsVersion: z.string().max(40).optional(), delivery: delivery.optional(), deviceId }),
  answers: { 201: tokens },
  problems: [
    loginFlowInvalid,
    consentRequired,
    phoneBindingRequired,
    secondFactorRequired,
    accountCancelled,
    loginTaken,
    originNotAllowed,
  ],
  limit: { max: 60, windowSeconds: 60 },
});

export const sendBindingCode = endpoint({
  id: 'sendBindingCode',
  service: 'identity',
  method: 'POST',
  path: '/v1/logins/binding/codes',
  summary: 'Send a code to the number that is to be bound',
  description: 'The answer is the same whether or not the number has an account. The code works for this binding only.',
  auth: { kind: 'none' },
  body: z.strictObject({
    bindingToken: secretToken,
    identifier,
    captchaToken: z.string().min(1).max(2048).optional(),
  }),
  answers: { 202: z.strictObject({ codeId: idOf('cod'), expiresAt: timestamp, resendAfter: timestamp }) },
  problems: [loginFlowInvalid, identifierNotAccepted, codeLimitReached, captchaRequired, originNotAllowed],
  limit: { max: 30, windowSeconds: 60 },
});

export const confirmBinding = endpoint({
  id: 'confirmBinding',
  service: 'identity',
  method: 'POST',
  path: '/v1/logins/binding',
  summary: 'Bind the number and register the account',
  description:
    'A number that has an account is refused with `account_exists`, once its code was right: sign in to that account, then link.',
  auth: { kind: 'none' },
  body: z.strictObject({
    bindingToken: secretToken,
    identifier,
    codeId: idOf('cod'),
    code: z.string().regex(/^[0-9]{6}$/),
    termsVersion: z.string().max(40).optional(),
    delivery: delivery.optional(),
    deviceId,
  }),
  answers: { 201: tokens },
  problems: [
    loginFlowInvalid,
    codeInvalid,
    codeLimitReached,
    identifierNotAccepted,
    consentRequired,
    accountExists,
    loginTaken,
    regionMismatch,
    originNotAllowed,
  ],
  limit: { max: 30, windowSeconds: 60 },
});

const linkedLogin = z.strictObject({
  loginId: idOf('lnk'),
  provider: z.string(),
  displayName: z.string().nullable().describe('As the person is called there; unproven'),
  linkedAt: timestamp,
  lastUsedAt: timestamp,
  endsAt: timestamp
    .nullable()
    .describe('The provider ended it and it is the only way in: without another by then the account is cancelled'),
});

export const listLogins = endpoint({
  id: 'listLogins',
  service: 'identity',
  method: 'GET',
  path: '/v1/account/logins',
  summary: 'The logins that are linked to the account',
  auth: { kind: 'user' },
  answers: {
    200: z.strictObject({
      items: z.array(linkedLogin),
      offeredEmail: z
        .strictObject({
          address: personText(254),
          proven: z.boolean().describe('True: it can be taken over as it is. False: add it as any other, by a code'),
          expiresAt: timestamp,
        })
        .nullable()
        .describe('What the provider said at registration; it is no contact yet and owns nothing'),
    }),
  },
  problems: [],
});

export const beginLink = endpoint({
  id: 'beginLink',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/logins/{provider}/link',
  summary: 'Begin to link an account elsewhere',
  description: 'Needs a fresh proof, here and when it is confirmed at POST /v1/account/logins.',
  auth: { kind: 'user' },
  params,
  body: z.strictObject({ returnTo }),
  answers: { 201: begun },
  problems: [notFound, originNotAllowed, returnNotAllowed, reauthenticationRequired, tooManyLogins],
  limit: { max: 30, windowSeconds: 60 },
});

export const confirmLink = endpoint({
  id: 'confirmLink',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/logins',
  summary: 'Link what the provider answered',
  description:
    'By the session and in the browser that began. Every other session ends and every address is told. A login of another account is refused; nothing is ever merged.',
  auth: { kind: 'user' },
  body: completion,
  answers: { 201: linkedLogin },
  problems: [loginFlowInvalid, originNotAllowed, reauthenticationRequired, loginTaken, tooManyLogins],
  limit: { max: 30, windowSeconds: 60 },
});

export const unlinkLogin = endpoint({
  id: 'unlinkLogin',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/account/logins/{loginId}',
  summary: 'Unlink a login; the last way to sign in stays',
  description:
    'Needs a fresh proof. What the person allowed us there is ended at the provider as well, in the background.',
  auth: { kind: 'user' },
  params: z.strictObject({ loginId: idOf('lnk') }),
  answers: { 204: null },
  problems: [notFound, reauthenticationRequired, lastLoginMethod],
});

export const beginLoginProof = endpoint({
  id: 'beginLoginProof',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/current/proof/{provider}',
  summary: 'Begin to prove oneself again by a linked login',
  auth: { kind: 'user' },
  params,
  body: z.strictObject({ returnTo }),
  answers: { 201: begun },
  problems: [notFound, originNotAllowed, returnNotAllowed, loginNotLinked, secondFactorRequired],
  limit: { max: 30, windowSeconds: 60 },
});

export const confirmLoginProof = endpoint({
  id: 'confirmLoginProof',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/current/login-proof',
  summary: 'A fresh proof by what the provider answered',
  description: 'For accounts without an address above all. Where a second factor is on, only that counts.',
  auth: { kind: 'user' },
  body: completion,
  answers: { 200: z.strictObject({ provenUntil: timestamp }) },
  problems: [loginFlowInvalid, originNotAllowed, loginNotLinked, secondFactorRequired],
  limit: { max: 30, windowSeconds: 60 },
});

export const takeOfferedEmail = endpoint({
  id: 'takeOfferedEmail',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/contacts/offered',
  summary: "Make the provider's e-mail the security e-mail",
  description:
    'Only an address that the provider has proven and is authoritative for; any other is added as usual, by a code of ours. Needs a fresh proof.',
  auth: { kind: 'user' },
  answers: {
    201: z.strictObject({
      contactId: idOf('con'),
      kind: z.literal('email'),
      masked: z.string(),
      verifiedAt: timestamp,
    }),
  },
  problems: [notFound, reauthenticationRequired, contactTaken, tooManyContacts],
  limit: { max: 30, windowSeconds: 60 },
});

const pushQuery = z.looseObject({});

export const loginPush = endpoint({
  id: 'loginPush',
  service: 'identity',
  method: 'POST',
  path: '/v1/logins/{provider}/push',
  summary: 'What a provider tells: consent revoked, account closed, data to be deleted',
  description: "Signed in each provider's own way; a repeat changes nothing and gets the same answer.",
  auth: { kind: 'signature', scheme: 'the provider' },
  params,
  query: pushQuery,
  body: 'raw',
  maxBodyBytes: 16 * 1024,
  answers: { 200: 'stream' },
  problems: [notFound, pushRefused],
  limit: { max: 600, windowSeconds: 60 },
});

export const loginPushHandshake = endpoint({
  id: 'loginPushHandshake',
  service: 'identity',
  method: 'GET',
  path: '/v1/logins/{provider}/push',
  summary: 'A provider asks whether the address is ours (WeChat)',
  auth: { kind: 'signature', scheme: 'the provider' },
  params,
  query: pushQuery,
  answers: { 200: 'stream' },
  problems: [notFound, pushRefused],
  limit: { max: 60, windowSeconds: 60 },
});

export const getLoginDeletion = endpoint({
  id: 'getLoginDeletion',
  service: 'identity',
  method: 'GET',
  path: '/v1/logins/deletions/{code}',
  summary: 'How far a deletion is that was asked for at a provider: a page for people',
  auth: { kind: 'none' },
  params: z.strictObject({ code: z.string().regex(/^[A-Za-z0-9_-]{22}$/) }),
  answers: { 200: 'stream' },
  problems: [notFound],
  limit: { max: 60, windowSeconds: 60 },
});

export const loginEndpoints = [
  beginLogin,
  loginCallback,
  loginCallbackForm,
  completeLogin,
  sendBindingCode,
  confirmBinding,
  listLogins,
  beginLink,
  confirmLink,
  unlinkLogin,
  beginLoginProof,
  confirmLoginProof,
  takeOfferedEmail,
  loginPush,
  loginPushHandshake,
  getLoginDeletion,
] as const;
