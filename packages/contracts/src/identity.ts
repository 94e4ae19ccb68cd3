// identity: regions, codes, sessions, the account and its cancellation. Staff: identity-staff.ts.
import { z } from 'zod';
import {
  accountCancelled,
  accountId,
  accountRestricted,
  consentRequired,
  currency,
  idOf,
  notFound,
  pageOf,
  pageQuery,
  personText,
  regionId,
  regionMismatch,
  timestamp,
} from './common.ts';
import { endpoint } from './endpoint.ts';
import { retainedClass, sagaId } from './events/lifecycle.ts';
import { problem } from './problem.ts';

export const codeInvalid = problem('code_invalid', 401, 'The code is wrong, used, expired or tried too often');
export const codeLimitReached = problem(
  'code_limit_reached',
  429,
  'Too many codes or wrong tries; wait for Retry-After seconds',
);
export const captchaRequired = problem('captcha_required', 403, 'Show that a person is asking, by a captcha');
export const identifierNotAccepted = problem(
  'identifier_not_accepted',
  422,
  'This region does not register that kind of address',
);
export const refreshInvalid = problem('refresh_invalid', 401, 'The session has ended; sign in again');
export const reauthenticationRequired = problem(
  'reauthentication_required',
  403,
  'Prove yourself again with a fresh code first',
);
export const consequencesNotAccepted = problem(
  'consequences_not_accepted',
  422,
  'What will be lost must be accepted first',
);
export const originNotAllowed = problem('origin_not_allowed', 403, 'This request must come from a page of this region');
export const credentialsInvalid = problem('credentials_invalid', 401, 'Address or password is wrong');
/** Carries `challenge` and `factors`; the sign-in goes on at /v1/sessions/second-factor. */
export const secondFactorRequired = problem('second_factor_required', 403, 'A second factor completes this sign-in');
/** Carries `challenge` and `proofs`; the sign-in goes on at /v1/sessions/second-proof, or ends there with "this is not mine". */
export const secondProofRequired = problem(
  'second_proof_required',
  403,
  'A code alone does not open this account: numbers change hands; show a second proof',
);
export const factorInvalid = problem(
  'factor_invalid',
  401,
  'The second factor is wrong, was used, or the sign-in is too old',
);
export const totpNotSetUp = problem('totp_not_set_up', 409, 'Begin with a new authenticator secret first');
export const signInFailed = problem('sign_in_failed', 401, 'The sign-in could not be completed; start again');
export const roleMissing = problem('role_missing', 403, 'This person has no role here');

/** How a person is reached: a mobile number in E.164 form or an e-mail address. Which one a region takes is in its profile. */
export const identifier = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('phone'),
    value: z
      .string()
      .max(20)
      .regex(/^\+[1-9][0-9]{6,14}$/, 'must be in E.164 form, e.g. +8613800138000'),
  }),
  z.strictObject({ kind: z.literal('email'), value: z.email().max(254) }),
]);
export type Identifier = z.infer<typeof identifier>;

/** Addresses of a region as front ends and callers need them. */
export const regionAddresses = z.strictObject({
  api: z.url().describe('Origin of the public API'),
  baseUrls: z
    .strictObject({ payg: z.url(), plan: z.url().nullable() })
    .describe('Base URL of the model gateway per product'),
});

export const publicRegion = z.strictObject({
  id: regionId,
  name: z.string(),
  currency,
  languages: z.array(z.string()),
  addresses: regionAddresses,
  registration: z.strictObject({
    methods: z.array(z.string()),
    federated: z.array(z.string()).describe('Accounts elsewhere by which a person may sign in'),
    termsVersion: z.string(),
    termsUrl: z.url(),
  }),
  realName: z.discriminatedUnion('policy', [
    z.strictObject({ policy: z.literal('not_required') }),
    z.strictObject({
      policy: z.literal('required'),
      before: z.array(z.enum(['recharge', 'package', 'upgrade', 'renewal'])),
      kinds: z.array(z.enum(['personal', 'enterprise'])),
      consentVersion: z.string().describe('Version of the consent text that a person agrees to before the check'),
    }),
  ]),
  payment: z.strictObject({ channels: z.array(z.string()), minimumRecharge: z.string(), maximumRecharge: z.string() }),
  features: z.strictObject({ invoicing: z.boolean() }),
  models: z.array(z.string()),
  links: z.strictObject({ helpCentre: z.url(), support: z.url(), appeal: z.url() }),
});

export const getRegion = endpoint({
  id: 'getRegion',
  service: 'identity',
  method: 'GET',
  path: '/v1/region',
  summary: 'The public profile of this region',
  description:
    'Methods, currency, features, Base URLs, help-centre and support links: all a front end needs to know before a person signs in.',
  auth: { kind: 'none' },
  answers: { 200: publicRegion },
  problems: [],
});

export const listRegions = endpoint({
  id: 'listRegions',
  service: 'identity',
  method: 'GET',
  path: '/v1/regions',
  summary: 'The directory of all regions',
  auth: { kind: 'none' },
  answers: {
    200: z.strictObject({
      items: z.array(z.strictObject({ id: regionId, name: z.string(), addresses: regionAddresses })),
    }),
  },
  problems: [],
});

export const sendCode = endpoint({
  id: 'sendCode',
  service: 'identity',
  method: 'POST',
  path: '/v1/codes',
  summary: 'Send a one-time code',
  description:
    'The answer is the same whether or not an account exists. A code has 6 digits, lives 5 minutes and takes 5 tries. Limits per identifier and per address are counted in the database.',
  auth: { kind: 'none' },
  body: z.strictObject({
    identifier,
    purpose: z.enum(['login', 'reauthenticate']),
    captchaToken: z
      .string()
      .min(1)
      .max(2048)
      .optional()
      .describe('After `captcha_required`: the answer of the captcha'),
  }),
  answers: { 202: z.strictObject({ codeId: idOf('cod'), expiresAt: timestamp, resendAfter: timestamp }) },
  problems: [identifierNotAccepted, codeLimitReached, captchaRequired],
  limit: { max: 60, windowSeconds: 60 },
});

export const tokens = z.strictObject({
  accessToken: z.string(),
  tokenType: z.literal('Bearer'),
  expiresIn: z.number().int().describe('Seconds'),
  refreshToken: z.string().nullable().describe('Null where it went into a cookie that no script can read'),
  refreshExpiresAt: timestamp,
  accountId,
  sessionId: idOf('ses'),
  created: z.boolean().describe('Whether this sign-in registered the account'),
});

/** Where a refresh token goes. `cookie`: `__Host-meridian-refresh`, for browsers; `body` (the default): for native apps. */
export const delivery = z.enum(['cookie', 'body']);

export const deviceId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/)
  .optional()
  .describe('Drawn once by an app and kept by it; a sign-in from another is told to the owner');

export const createSession = endpoint({
  id: 'createSession',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions',
  summary: 'Sign in, or register, with a code',
  description:
    'One flow for both: whether the account existed is known only after the code was right. A new account needs the current terms version accepted.',
  auth: { kind: 'none' },
  body: z.strictObject({
    codeId: idOf('cod'),
    identifier,
    code: z.string().regex(/^[0-9]{6}$/),
    termsVersion: z.string().max(40).optional(),
    delivery: delivery.optional(),
    deviceId,
  }),
  answers: { 201: tokens },
  problems: [
    codeInvalid,
    consentRequired,
    identifierNotAccepted,
    codeLimitReached,
    accountCancelled,
    regionMismatch,
    originNotAllowed,
    secondFactorRequired,
    secondProofRequired,
  ],
  limit: { max: 60, windowSeconds: 60 },
});

export const refreshSession = endpoint({
  id: 'refreshSession',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/refresh',
  summary: 'Exchange a refresh token for its successor',
  description:
    'Rotates. The same token used again within 20 seconds gets the same successor (a lost answer); later its whole family is revoked (theft). Without `refreshToken` the cookie is read, for pages of this region only, and the successor goes into the cookie again.',
  auth: { kind: 'none' },
  body: z.strictObject({ refreshToken: z.string().min(20).max(200).optional() }),
  answers: { 200: tokens.omit({ created: true }) },
  problems: [refreshInvalid, regionMismatch, originNotAllowed],
  limit: { max: 120, windowSeconds: 60 },
});

export const endSession = endpoint({
  id: 'endSession',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/sessions/current',
  summary: 'Sign out of this session',
  auth: { kind: 'user' },
  answers: { 204: null },
  problems: [],
});

export const getAccount = endpoint({
  id: 'getAccount',
  service: 'identity',
  method: 'GET',
  path: '/v1/account',
  summary: 'The signed-in account',
  auth: { kind: 'user' },
  answers: {
    200: z.strictObject({
      accountId,
      region: regionId,
      status: z
        .enum(['active', 'phone_detached'])
        .describe('phone_detached: its number has a new holder; add another address'),
      createdAt: timestamp,
      displayName: z.string().nullable(),
      language: z.string().nullable().describe('Of messages; null: the first of the region'),
      contacts: z.array(
        z.strictObject({
          contactId: idOf('con'),
          kind: z.enum(['phone', 'email']),
          masked: z.string(),
          verifiedAt: timestamp,
        }),
      ),
    }),
  },
  problems: [],
});

export const cancellationPreview = endpoint({
  id: 'previewCancellation',
  service: 'identity',
  method: 'GET',
  path: '/v1/account/cancellation/preview',
  summary: 'What cancelling the account would lose',
  auth: { kind: 'user' },
  answers: {
    200: z.strictObject({
      balance: z.strictObject({ available: z.string(), held: z.string(), currency }),
      activeKeys: z.number().int(),
      openCase: z.boolean(),
      consequences: z.array(z.strictObject({ code: z.string(), text: z.string() })),
      consequencesVersion: z.string().describe('Send it back to show that these very consequences were accepted'),
    }),
  },
  problems: [],
});

const cancellationStep = z.strictObject({
  service: z.string(),
  fenced: z.boolean(),
  erased: z.record(z.string(), z.number().int()).nullable(),
  retained: z.array(retainedClass),
});

export const cancellationStatus = z.strictObject({
  sagaId,
  accountId,
  status: z
    .enum(['cancelling', 'cancelled', 'erased'])
    .describe('cancelled: every service refuses the account; erased: its data is gone as well'),
  requestedAt: timestamp,
  cancelledAt: timestamp.nullable(),
  erasedAt: timestamp.nullable(),
  steps: z.array(cancellationStep),
});

export const cancelAccount = endpoint({
  id: 'cancelAccount',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/cancellation',
  summary: 'Cancel the account',
  description:
    'Needs a code (purpose reauthenticate), or, without one, a fresh proof made in this session after the sign-in. For a day after a change of credentials, and while a recovery restricts the account, it answers `account_restricted` with `until`. Answers 200 `cancelled` only when every service has acknowledged the fence: from that answer on no key of the account verifies. Otherwise 202 `cancelling`, and the status resource tells the rest.',
  auth: { kind: 'user' },
  body: z.strictObject({
    codeId: idOf('cod').optional(),
    code: z
      .string()
      .regex(/^[0-9]{6}$/)
      .optional(),
    consequencesVersion: z.string().max(100),
    reason: personText(500).optional(),
  }),
  answers: {
    200: z.strictObject({
      cancellation: cancellationStatus,
      receiptToken: z.string().describe('Reads the status resource after the session has ended; shown once'),
    }),
    202: z.strictObject({ cancellation: cancellationStatus, receiptToken: z.string() }),
  },
  problems: [codeInvalid, codeLimitReached, reauthenticationRequired, consequencesNotAccepted, accountRestricted],
  limit: { max: 10, windowSeconds: 60 },
});

export const getCancellation = endpoint({
  id: 'getCancellation',
  service: 'identity',
  method: 'POST',
  path: '/v1/cancellations/status',
  summary: 'How far a cancellation is',
  description:
    'By the receipt token, because the account can no longer sign in. A POST, so that the token is in no address.',
  auth: { kind: 'none' },
  body: z.strictObject({ receiptToken: z.string().min(20).max(200) }),
  answers: { 200: cancellationStatus },
  problems: [notFound, regionMismatch],
  limit: { max: 120, windowSeconds: 60 },
});

export const getJwks = endpoint({
  id: 'getJwks',
  service: 'identity',
  method: 'GET',
  path: '/.well-known/jwks.json',
  summary: 'Public keys that verify access tokens of this region (RFC 7517)',
  auth: { kind: 'none' },
  answers: { 200: z.strictObject({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })) }) },
  problems: [],
});

export const getAuthorizationServer = endpoint({
  id: 'getAuthorizationServer',
  service: 'identity',
  method: 'GET',
  path: '/.well-known/oauth-authorization-server',
  summary: 'Metadata of the issuer of access tokens (RFC 8414)',
  description:
    'Enough for a standard library to verify access tokens (RFC 9068) by configuration alone: issuer and key set. No grant of RFC 6749 is offered to third parties, so no endpoint of one is named.',
  auth: { kind: 'none' },
  answers: {
    200: z.strictObject({
      issuer: z.url(),
      jwks_uri: z.url(),
      response_types_supported: z.array(z.string()),
      grant_types_supported: z.array(z.string()),
      service_documentation: z.url(),
    }),
  },
  problems: [],
});

export const introspectToken = endpoint({
  id: 'introspectToken',
  service: 'identity',
  method: 'POST',
  path: '/internal/v1/introspect',
  summary: 'Whether an access token still stands (answer as in RFC 7662)',
  description:
    'Asked before operations where a session that was ended a moment ago must not pass: recharge, creation of a key. The request is JSON as everywhere here.',
  auth: { kind: 'service', callers: ['billing', 'key-issuance', 'verification', 'moderation'] },
  body: z.strictObject({ token: z.string().min(1).max(4096) }),
  answers: {
    200: z.discriminatedUnion('active', [
      z.strictObject({ active: z.literal(false) }),
      z.strictObject({
        active: z.literal(true),
        sub: accountId,
        sid: idOf('ses'),
        token_type: z.literal('Bearer'),
        restricted_until: timestamp
          .nullable()
          .describe('After a recovery: until then neither recharge nor new, rotated or changed keys'),
      }),
    ]),
  },
  problems: [],
});

export const getSecurityEmail = endpoint({
  id: 'getSecurityEmail',
  service: 'identity',
  method: 'GET',
  path: '/internal/v1/accounts/{accountId}/security-email',
  summary: 'The verified e-mail of an account, for a payment channel that demands one',
  auth: { kind: 'service', callers: ['billing'] },
  params: z.strictObject({ accountId }),
  answers: { 200: z.strictObject({ email: z.email().nullable() }) },
  problems: [notFound, regionMismatch],
});

export const contactTaken = problem('contact_taken', 409, 'This address belongs to another account');
export const lastLoginMethod = problem(
  'last_login_method',
  409,
  'This is the only way left to sign in; add another first',
);
export const tooManyContacts = problem('too_many_contacts', 409, 'An account has at most five addresses');

/** What a browser's `navigator.credentials` gave, by its own toJSON() (WebAuthn 3). */
const credential = z.looseObject({
  id: z.string().min(1).max(1400),
  rawId: z.string().min(1).max(1400),
  type: z.literal('public-key'),
  response: z.looseObject({ clientDataJSON: z.string().min(1).max(4096) }),
  clientExtensionResults: z.looseObject({}),
});
export const passkeyProof = z.strictObject({ method: z.literal('passkey'), challengeId: idOf('chl'), credential });

/** A code with purpose `reauthenticate`; where a second factor is on, only that counts. */
const proof = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('code'),
    codeId: idOf('cod'),
    code: z.string().regex(/^[0-9]{6}$/),
  }),
  z.strictObject({ method: z.literal('totp'), code: z.string().regex(/^[0-9]{6}$/) }),
  z.strictObject({ method: z.literal('recovery_code'), code: z.string().regex(/^[0-9A-Z]{5}-[0-9A-Z]{5}$/) }),
  passkeyProof,
]);

export const reauthenticate = endpoint({
  id: 'reauthenticate',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/current/proof',
  summary: 'Prove oneself again, for changes of credentials',
  description:
    'Such changes need a sign-in or a proof of at most 5 minutes ago in the same session; without it they answer `reauthentication_required`. What was added to the account less than a day ago proves nobody.',
  auth: { kind: 'user' },
  body: proof,
  answers: { 200: z.strictObject({ provenUntil: timestamp }) },
  problems: [codeInvalid, codeLimitReached, factorInvalid, secondFactorRequired, reauthenticationRequired],
  limit: { max: 30, windowSeconds: 60 },
});

export const changeProfile = endpoint({
  id: 'changeProfile',
  service: 'identity',
  method: 'PATCH',
  path: '/v1/account',
  summary: 'Change the display name or the language of messages',
  description: 'A member that is left out stays; null removes it.',
  auth: { kind: 'user' },
  body: z.strictObject({
    displayName: personText(60).nullable().optional(),
    language: z.enum(['zh-CN', 'en']).nullable().optional(),
  }),
  answers: { 200: z.strictObject({ displayName: z.string().nullable(), language: z.string().nullable() }) },
  problems: [],
});

export const sendContactCode = endpoint({
  id: 'sendContactCode',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/contacts/codes',
  summary: 'Send a code to an address that is to be added',
  description:
    'The answer is the same whether or not the address belongs to somebody. The code works for this account only.',
  auth: { kind: 'user' },
  body: z.strictObject({ identifier }),
  answers: { 202: z.strictObject({ codeId: idOf('cod'), expiresAt: timestamp, resendAfter: timestamp }) },
  problems: [identifierNotAccepted, codeLimitReached, reauthenticationRequired],
  limit: { max: 30, windowSeconds: 60 },
});

const contact = z.strictObject({
  contactId: idOf('con'),
  kind: z.enum(['phone', 'email']),
  masked: z.string(),
  verifiedAt: timestamp,
});

export const addContact = endpoint({
  id: 'addContact',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/contacts',
  summary: 'Add an address, or put it in the place of another',
  description:
    'Needs the code that was sent to it and a fresh proof. All other sessions end, and every address is told. An address of another account is refused; nothing is ever merged.',
  auth: { kind: 'user' },
  body: z.strictObject({
    identifier,
    codeId: idOf('cod'),
    code: z.string().regex(/^[0-9]{6}$/),
    replaces: idOf('con').optional().describe('The address that goes, in the same transaction'),
  }),
  answers: { 201: contact },
  problems: [
    codeInvalid,
    codeLimitReached,
    identifierNotAccepted,
    reauthenticationRequired,
    contactTaken,
    tooManyContacts,
    notFound,
  ],
  limit: { max: 30, windowSeconds: 60 },
});

export const removeContact = endpoint({
  id: 'removeContact',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/account/contacts/{contactId}',
  summary: 'Remove an address; the last way to sign in stays',
  auth: { kind: 'user' },
  params: z.strictObject({ contactId: idOf('con') }),
  answers: { 204: null },
  problems: [notFound, reauthenticationRequired, lastLoginMethod],
});

export const listSessions = endpoint({
  id: 'listSessions',
  service: 'identity',
  method: 'GET',
  path: '/v1/sessions',
  summary: 'Where the account is signed in, newest first',
  auth: { kind: 'user' },
  query: pageQuery,
  answers: {
    200: pageOf(
      z.strictObject({
        sessionId: idOf('ses'),
        current: z.boolean(),
        method: z.string(),
        device: z.string().describe('Such as "Chrome on Windows"'),
        place: z.string().nullable().describe('Where the edge names it'),
        createdAt: timestamp,
        lastSeenAt: timestamp,
      }),
    ),
  },
  problems: [],
});

export const endOneSession = endpoint({
  id: 'endOneSession',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/sessions/{sessionId}',
  summary: 'Sign out one session of the account',
  auth: { kind: 'user' },
  params: z.strictObject({ sessionId: idOf('ses') }),
  answers: { 204: null },
  problems: [notFound],
});

export const endAllSessions = endpoint({
  id: 'endAllSessions',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/sessions',
  summary: 'Sign out everywhere, or everywhere else',
  auth: { kind: 'user' },
  query: z.strictObject({ except: z.literal('current').optional() }),
  answers: { 200: z.strictObject({ ended: z.number().int() }) },
  problems: [],
});

export const listSecurityLog = endpoint({
  id: 'listSecurityLog',
  service: 'identity',
  method: 'GET',
  path: '/v1/account/security-log',
  summary: 'What happened to the account, newest first',
  auth: { kind: 'user' },
  query: pageQuery,
  answers: {
    200: pageOf(
      z.strictObject({
        at: timestamp,
        kind: z.string().describe('Such as signed_in, signed_out, contact_added'),
        method: z.string().nullable(),
        device: z.string().nullable(),
        place: z.string().nullable(),
        network: z.string().nullable().describe('/24 or /64 of the caller'),
        sessionId: z.string().nullable(),
      }),
    ),
  },
  problems: [],
});

export const password = z.string().min(10).max(128);

export const setPassword = endpoint({
  id: 'setPassword',
  service: 'identity',
  method: 'PUT',
  path: '/v1/account/password',
  summary: 'Set or change the password',
  description:
    'Optional: without one the account is signed in to by codes. Needs a fresh proof; all other sessions end.',
  auth: { kind: 'user' },
  body: z.strictObject({ password }),
  answers: { 204: null },
  problems: [reauthenticationRequired],
  limit: { max: 10, windowSeconds: 60 },
});

export const removePassword = endpoint({
  id: 'removePassword',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/account/password',
  summary: 'Remove the password',
  auth: { kind: 'user' },
  answers: { 204: null },
  problems: [reauthenticationRequired],
});

export const signInByPassword = endpoint({
  id: 'signInByPassword',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/password',
  summary: 'Sign in with a password',
  description:
    'The same answer after the same work for an unknown address, an account without a password and a wrong password. Terms that changed since must be accepted (`consent_required`).',
  auth: { kind: 'none' },
  body: z.strictObject({
    identifier,
    password: z.string().min(1).max(128),
    termsVersion: z.string().max(40).optional(),
    delivery: delivery.optional(),
    deviceId,
    captchaToken: z.string().min(1).max(2048).optional(),
  }),
  answers: { 201: tokens },
  problems: [
    credentialsInvalid,
    codeLimitReached,
    captchaRequired,
    identifierNotAccepted,
    secondFactorRequired,
    consentRequired,
    accountCancelled,
    originNotAllowed,
  ],
  limit: { max: 30, windowSeconds: 60 },
});

export const completeSignIn = endpoint({
  id: 'completeSignIn',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/second-factor',
  summary: 'Complete a sign-in with the second factor',
  description: 'The challenge lives 10 minutes and takes 5 tries. A code of an authenticator works once.',
  auth: { kind: 'none' },
  body: z.strictObject({
    challenge: z.string().min(20).max(200),
    factor: z.discriminatedUnion('method', [
      z.strictObject({ method: z.literal('totp'), code: z.string().regex(/^[0-9]{6}$/) }),
      z.strictObject({ method: z.literal('recovery_code'), code: z.string().regex(/^[0-9A-Z]{5}-[0-9A-Z]{5}$/) }),
      passkeyProof,
    ]),
    delivery: delivery.optional(),
    deviceId,
  }),
  answers: { 201: tokens },
  problems: [factorInvalid, codeLimitReached, accountCancelled, regionMismatch, originNotAllowed],
  limit: { max: 30, windowSeconds: 60 },
});

export const beginTotp = endpoint({
  id: 'beginTotp',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/totp',
  summary: 'Draw a secret for an authenticator app (RFC 6238)',
  description: 'It counts only once confirmed by a code; until then an older one stays in force.',
  auth: { kind: 'user' },
  answers: { 201: z.strictObject({ secret: z.string().describe('Base 32'), uri: z.string().describe('otpauth://') }) },
  problems: [reauthenticationRequired],
  limit: { max: 10, windowSeconds: 60 },
});

export const confirmTotp = endpoint({
  id: 'confirmTotp',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/totp/confirmation',
  summary: 'Switch the authenticator app on, by its first code',
  auth: { kind: 'user' },
  body: z.strictObject({ code: z.string().regex(/^[0-9]{6}$/) }),
  answers: { 200: z.strictObject({ recoveryCodes: z.array(z.string()).describe('Shown once; each works once') }) },
  problems: [reauthenticationRequired, factorInvalid, totpNotSetUp, codeLimitReached],
  limit: { max: 10, windowSeconds: 60 },
});

export const removeTotp = endpoint({
  id: 'removeTotp',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/account/totp',
  summary: 'Switch the authenticator app off',
  auth: { kind: 'user' },
  answers: { 204: null },
  problems: [reauthenticationRequired, notFound],
});

export const passkeyInvalid = problem(
  'passkey_invalid',
  401,
  'The passkey is not known here, or its answer is not to this challenge',
);
export const tooManyPasskeys = problem('too_many_passkeys', 409, 'An account has at most twenty passkeys');

const passkey = z.strictObject({
  passkeyId: idOf('pky'),
  name: z.string(),
  createdAt: timestamp,
  lastUsedAt: timestamp.nullable(),
});
const passkeyOptions = z.strictObject({
  challengeId: idOf('chl'),
  options: z.looseObject({ challenge: z.string() }).describe('For PublicKeyCredential.parse…OptionsFromJSON'),
});

export const beginPasskey = endpoint({
  id: 'beginPasskey',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/passkeys/options',
  summary: 'Begin to add a passkey',
  auth: { kind: 'user' },
  answers: { 201: passkeyOptions },
  problems: [reauthenticationRequired, tooManyPasskeys],
  limit: { max: 30, windowSeconds: 60 },
});

export const addPasskey = endpoint({
  id: 'addPasskey',
  service: 'identity',
  method: 'POST',
  path: '/v1/account/passkeys',
  summary: 'Add a passkey',
  description:
    'It signs in by itself, and completes sign-ins by code or password. The first second factor comes with recovery codes.',
  auth: { kind: 'user' },
  body: z.strictObject({ challengeId: idOf('chl'), name: personText(60), credential }),
  answers: {
    201: z.strictObject({ passkey, recoveryCodes: z.array(z.string()).nullable().describe('Shown once') }),
  },
  problems: [reauthenticationRequired, passkeyInvalid, tooManyPasskeys],
  limit: { max: 30, windowSeconds: 60 },
});

export const listPasskeys = endpoint({
  id: 'listPasskeys',
  service: 'identity',
  method: 'GET',
  path: '/v1/account/passkeys',
  summary: 'The passkeys of the account',
  auth: { kind: 'user' },
  answers: { 200: z.strictObject({ items: z.array(passkey) }) },
  problems: [],
});

export const removePasskey = endpoint({
  id: 'removePasskey',
  service: 'identity',
  method: 'DELETE',
  path: '/v1/account/passkeys/{passkeyId}',
  summary: 'Remove a passkey',
  auth: { kind: 'user' },
  params: z.strictObject({ passkeyId: idOf('pky') }),
  answers: { 204: null },
  problems: [notFound, reauthenticationRequired, lastLoginMethod],
});

export const challengePasskey = endpoint({
  id: 'challengePasskey',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/passkey/options',
  summary: 'A challenge for a passkey: to sign in, to complete a sign-in, or as a fresh proof',
  description: 'Names no account and lists no keys: the device knows its own. Single use, 5 minutes.',
  auth: { kind: 'none' },
  answers: { 201: passkeyOptions },
  problems: [],
  limit: { max: 60, windowSeconds: 60 },
});

export const signInByPasskey = endpoint({
  id: 'signInByPasskey',
  service: 'identity',
  method: 'POST',
  path: '/v1/sessions/passkey',
  summary: 'Sign in with a passkey',
  description: 'Terms that changed since must be accepted (`consent_required`): send the same answer again, with them.',
  auth: { kind: 'none' },
  body: z.strictObject({
    challengeId: idOf('chl'),
    credential,
    termsVersion: z.string().max(40).optional(),
    delivery: delivery.optional(),
    deviceId,
  }),
  answers: { 201: tokens },
  problems: [passkeyInvalid, codeLimitReached, consentRequired, accountCancelled, regionMismatch, originNotAllowed],
  limit: { max: 60, windowSeconds: 60 },
});

export const endpoints = [
  getRegion,
  listRegions,
  sendCode,
  createSession,
  refreshSession,
  endSession,
  getAccount,
  cancellationPreview,
  cancelAccount,
  getCancellation,
  getJwks,
  getAuthorizationServer,
  introspectToken,
  reauthenticate,
  changeProfile,
  sendContactCode,
  addContact,
  removeContact,
  listSessions,
  endOneSession,
  endAllSessions,
  listSecurityLog,
  setPassword,
  removePassword,
  signInByPassword,
  completeSignIn,
  beginTotp,
  confirmTotp,
  removeTotp,
  beginPasskey,
  addPasskey,
  listPasskeys,
  removePasskey,
  challengePasskey,
  signInByPasskey,
  getSecurityEmail,
] as const;
