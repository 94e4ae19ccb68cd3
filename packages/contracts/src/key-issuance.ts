// key-issuance: API keys, their limits and verification, and the account gate behind it.
import { z } from 'zod';
import {
  accountCancelled,
  accountId,
  idOf,
  notFound,
  pageOf,
  pageQuery,
  personText,
  rateLimited,
  regionId,
  regionMismatch,
  timestamp,
} from './common.ts';
import { endpoint } from './endpoint.ts';
import { fenceKeyIssuance } from './fence.ts';
import { authorizeKey, authorizeKeyOfPost } from './key-authorize.ts';
import { type ProblemDefinition, problem } from './problem.ts';

// What is wrong with a key, in the words a gateway passes on.
export const keyInvalid = problem('key_invalid', 401, 'The API key is not valid');
export const keyRevoked = problem('key_revoked', 401, 'The API key was revoked');
export const keyExpired = problem('key_expired', 401, 'The API key has expired');
export const keyRegionMismatch = problem('key_region_mismatch', 401, 'The API key belongs to another region');
export const keyProductMismatch = problem('key_product_mismatch', 401, 'The API key belongs to another product');
export const accountProtected = problem('account_protected', 403, 'The account has abnormal usage behavior');
export const accountFrozen = problem('account_frozen', 403, 'The account is frozen while a refund is reviewed');
export const planInactive = problem('plan_inactive', 402, 'The account has no token plan in force');
export const balanceExhausted = problem('balance_exhausted', 402, 'The balance is used up; recharge to go on');
export const ipNotAllowed = problem('ip_not_allowed', 403, 'The API key may not be used from this address');
export const modelNotAllowed = problem('model_not_allowed', 403, 'The API key may not call this model');
export const endpointNotAllowed = problem('endpoint_not_allowed', 403, 'The API key may not call this endpoint');
// What an owner's command on keys may run into.
export const tooManyKeys = problem(
  'too_many_keys',
  409,
  'The account has as many keys as are allowed; revoke one first',
);
export const tooManySecrets = problem(
  'too_many_secrets',
  409,
  'The key has as many working secrets as are allowed; wait until one ends, or rotate at once',
);
export const keyNotActive = problem('key_not_active', 409, 'The key is revoked or expired');
export const expiryFixed = problem('expiry_fixed', 409, 'The expiry of a temporary key cannot be changed');

export const keyProduct = z.enum(['payg', 'plan']);
export type KeyProduct = z.infer<typeof keyProduct>;

/** Published form of a key, for secret scanners: family, region and pepper version, 32 secret + 6 CRC-32 + 8 tag characters of base 62. */
export const keyPattern = /^(sk|tp)-([a-z]{2,12})([0-9]{1,3})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})([0-9A-Za-z]{8})$/;

/** Largest age of a temporary key and longest grace of a rotated secret, in seconds. */
export const maxTemporarySeconds = 30 * 86_400;
export const maxGraceSeconds = 7 * 86_400;

const modelName = z.string().min(1).max(100);
/** Path below the Base URL, without the leading slash. */
const endpointName = z
  .string()
  .max(100)
  .regex(/^[a-z0-9_-]+(\/[a-z0-9_-]+)*$/, 'must be a path below the Base URL, like "chat/completions"');
const network = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);

export const keyModels = z.array(modelName).min(1).max(50).describe('Models the key may call; null: all');
export const keyEndpoints = z
  .array(endpointName)
  .min(1)
  .max(20)
  .describe('Paths below the Base URL the key may call, e.g. "chat/completions"; null: all');
export const keyNetworks = z
  .array(network)
  .min(1)
  .max(50)
  .describe('IPv4 and IPv6 addresses and CIDR blocks the key may be used from; null: anywhere');

/** Limits of calls and tokens. Minutes and days are those of UTC; a window begins anew by itself. null: no limit. */
export const rateLimits = z.strictObject({
  requestsPerMinute: z.number().int().min(1).max(1_000_000).nullable().default(null),
  tokensPerMinute: z.number().int().min(1).max(1_000_000_000).nullable().default(null),
  tokensPerDay: z.number().int().min(1).max(1_000_000_000_000).nullable().default(null),
});
export type RateLimits = z.output<typeof rateLimits>;

const projectName = personText(60).describe('Name of one of your projects; a new name makes a new project');

export const apiKey = z.strictObject({
  keyId: idOf('key').describe('Stays the same when the key is rotated'),
  name: z.string(),
  project: z.string(),
  product: keyProduct,
  kind: z.enum(['standard', 'temporary']),
  display: z.string().describe('Head of the newest secret, enough to recognise it'),
  status: z.enum(['active', 'expired', 'revoked']),
  models: z.array(z.string()).nullable(),
  endpoints: z.array(z.string()).nullable(),
  networks: z.array(z.string()).nullable().describe('In canonical form'),
  limits: rateLimits,
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  rotatedAt: timestamp.nullable().describe('When the newest secret was made by a rotation'),
  previousSecretsEndAt: timestamp.nullable().describe('Until then secrets from before a rotation work too'),
  lastUsedAt: timestamp.nullable().describe('A sample; may lag by a minute'),
  revokedAt: timestamp.nullable(),
});

const shownOnce = z.strictObject({
  key: apiKey,
  secret: z.string().describe('Shown once'),
  baseUrl: z.url().describe('The Base URL this key works at'),
});
const rotated = shownOnce.extend({
  baseUrl: z.url().nullable().describe('The Base URL keys of its product work at; null: the region has none for it'),
});

const scopes = {
  models: keyModels.nullable().default(null),
  endpoints: keyEndpoints.nullable().default(null),
  networks: keyNetworks.nullable().default(null),
  limits: rateLimits.prefault({}),
};

export const createKey = endpoint({
  id: 'createKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/v1/keys',
  summary: 'Create an API key; its secret is shown in this answer only',
  auth: { kind: 'user', introspect: true },
  idempotent: true,
  body: z.strictObject({
    name: personText(60),
    product: z.literal('payg'),
    project: projectName.default('default'),
    expiresAt: timestamp.nullable().default(null).describe('A time ahead; null: does not expire'),
    ...scopes,
  }),
  answers: { 201: shownOnce },
  problems: [tooManyKeys],
  limit: { max: 30, windowSeconds: 60 },
});

export const createTemporaryKey = endpoint({
  id: 'createTemporaryKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/v1/keys/temporary',
  summary: 'Create a key for a bounded time and named models, to hand to a job or a device',
  auth: { kind: 'user', introspect: true },
  idempotent: true,
  body: z.strictObject({
    name: personText(60),
    product: z.literal('payg'),
    project: projectName.default('default'),
    lifeSeconds: z.number().int().min(60).max(maxTemporarySeconds),
    ...scopes,
    models: keyModels,
  }),
  answers: { 201: shownOnce },
  problems: [tooManyKeys],
  limit: { max: 30, windowSeconds: 60 },
});

export const listKeys = endpoint({
  id: 'listKeys',
  service: 'key-issuance',
  method: 'GET',
  path: '/v1/keys',
  summary: 'The keys of the account, or of one of its projects, newest first',
  auth: { kind: 'user' },
  query: pageQuery.extend({ project: projectName.optional() }),
  answers: { 200: pageOf(apiKey) },
  problems: [],
});

export const listKeyProjects = endpoint({
  id: 'listKeyProjects',
  service: 'key-issuance',
  method: 'GET',
  path: '/v1/keys/projects',
  summary: 'The projects that keys of the account belong to, by name',
  description:
    'A project is there as long as a key names it. At most as many as keys ever made; the first 1,000 by name.',
  auth: { kind: 'user' },
  answers: {
    200: z.strictObject({ items: z.array(z.strictObject({ name: z.string(), activeKeys: z.number().int() })) }),
  },
  problems: [],
});

export const getKey = endpoint({
  id: 'getKey',
  service: 'key-issuance',
  method: 'GET',
  path: '/v1/keys/{keyId}',
  summary: 'One key of the account',
  auth: { kind: 'user' },
  params: z.strictObject({ keyId: idOf('key') }),
  answers: { 200: apiKey },
  problems: [notFound],
});

export const updateKey = endpoint({
  id: 'updateKey',
  service: 'key-issuance',
  method: 'PATCH',
  path: '/v1/keys/{keyId}',
  summary: 'Change name, project, lists, limits or expiry of a key; what is not named stays',
  auth: { kind: 'user', introspect: true },
  params: z.strictObject({ keyId: idOf('key') }),
  body: z.strictObject({
    name: personText(60).optional(),
    project: projectName.optional(),
    models: keyModels.nullable().optional(),
    endpoints: keyEndpoints.nullable().optional(),
    networks: keyNetworks.nullable().optional(),
    limits: rateLimits.optional().describe('Replaces all three'),
    expiresAt: timestamp.nullable().optional(),
  }),
  answers: { 200: apiKey },
  problems: [notFound, keyNotActive, expiryFixed],
});

export const rotateKey = endpoint({
  id: 'rotateKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/v1/keys/{keyId}/rotations',
  summary: 'Give the key a new secret; the old ones work until the grace ends',
  description:
    'The key keeps its id, lists, limits and expiry. With a grace of 0 no verification that starts after this answer accepts an old secret.',
  auth: { kind: 'user', introspect: true },
  idempotent: true,
  params: z.strictObject({ keyId: idOf('key') }),
  body: z.strictObject({ graceSeconds: z.number().int().min(0).max(maxGraceSeconds).default(0) }),
  answers: { 201: rotated },
  problems: [notFound, keyNotActive, tooManySecrets],
  limit: { max: 30, windowSeconds: 60 },
});

export const revokeKey = endpoint({
  id: 'revokeKey',
  service: 'key-issuance',
  method: 'DELETE',
  path: '/v1/keys/{keyId}',
  summary: 'Revoke a key; no verification that starts after this answer accepts it',
  auth: { kind: 'user' },
  params: z.strictObject({ keyId: idOf('key') }),
  answers: { 200: apiKey },
  problems: [notFound],
});

export const revokeAllKeys = endpoint({
  id: 'revokeAllKeys',
  service: 'key-issuance',
  method: 'POST',
  path: '/v1/keys/revocations',
  summary: 'Revoke every active key of the account, or of one of its projects',
  auth: { kind: 'user' },
  body: z.strictObject({ project: projectName.optional() }),
  answers: { 200: z.strictObject({ revoked: z.number().int() }) },
  problems: [],
});

export const keyAuditAction = z.enum([
  'create',
  'update',
  'rotate',
  'revoke',
  'cancel',
  'protect',
  'lift',
  'freeze',
  'unfreeze',
  'exhaust',
  'restore',
  'plan',
]);

export const listKeyAudit = endpoint({
  id: 'listKeyAudit',
  service: 'key-issuance',
  method: 'GET',
  path: '/v1/keys/audit',
  summary: 'Who did what to the keys of the account, newest first',
  auth: { kind: 'user' },
  query: pageQuery.extend({ keyId: idOf('key').optional() }),
  answers: {
    200: pageOf(
      z.strictObject({
        at: timestamp,
        keyId: idOf('key').nullable().describe('null: all keys of the account'),
        actor: z.enum(['owner', 'identity', 'moderation', 'billing', 'leak_report']),
        action: keyAuditAction,
      }),
    ),
  },
  problems: [],
});

export const reportLeakedKey = endpoint({
  id: 'reportLeakedKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/v1/keys/leaks',
  summary: 'Report a key found in public; a working one is revoked',
  description:
    'For anyone, secret scanners above all. Checksum and tag are verified first, so that text which only looks like a key costs nothing. The answer says nothing about the key. Check texts with GET /v1/keys/pattern first.',
  auth: { kind: 'none' },
  body: z.strictObject({ key: z.string().min(1).max(200) }),
  answers: { 202: z.strictObject({ received: z.literal(true) }) },
  problems: [regionMismatch],
  limit: { max: 30, windowSeconds: 60 },
});

export const getKeyPattern = endpoint({
  id: 'getKeyPattern',
  service: 'key-issuance',
  method: 'GET',
  path: '/v1/keys/pattern',
  summary: 'How secret scanners recognise a key, without a secret and without a call',
  auth: { kind: 'none' },
  answers: {
    200: z.strictObject({
      expression: z.string().describe('Regular expression over running text'),
      checksum: z.strictObject({
        algorithm: z.literal('CRC-32/ISO-HDLC'),
        covers: z.literal('everything before the checksum'),
        digits: z.literal('base62, 0-9A-Za-z, most significant first'),
        start: z.literal(-14),
        end: z.literal(-8),
      }),
      example: z.string().describe('Has a right checksum and was never issued'),
      report: z.string().describe('Path to report a found key to'),
    }),
  },
  problems: [],
});

export const rateWindow = z.strictObject({
  scope: z.enum(['key', 'account_model']),
  kind: z.enum(['requests_per_minute', 'tokens_per_minute', 'tokens_per_day']),
  limit: z.number().int(),
  remaining: z.number().int().min(0).describe('After this call'),
  resetsAt: timestamp,
});
export type RateWindow = z.infer<typeof rateWindow>;

/** Why a presented key is refused, with what its holder needs to know to go on. */
export const keyRefusal = z.strictObject({
  code: z.enum([
    'key_invalid',
    'key_revoked',
    'key_expired',
    'key_region_mismatch',
    'key_product_mismatch',
    'account_protected',
    'account_cancelled',
    'account_frozen',
    'plan_inactive',
    'balance_exhausted',
    'ip_not_allowed',
    'model_not_allowed',
    'endpoint_not_allowed',
    'rate_limited',
  ]),
  region: regionId.optional(),
  baseUrl: z.url().optional().describe('For a mismatch: the Base URL that this key works at'),
  caseId: idOf('cas').optional(),
  until: timestamp
    .optional()
    .describe(
      'account_protected: when it ends by itself; rate_limited: when the window begins anew, unless the call fits in none',
    ),
  appealUrl: z.url().optional(),
  exceeded: rateWindow
    .extend({
      needed: z
        .number()
        .int()
        .optional()
        .describe('Tokens reserved for this call, if more than the whole limit: it never fits'),
    })
    .optional()
    .describe('rate_limited: the window that has no room for this call'),
});
export type KeyRefusal = z.infer<typeof keyRefusal>;

/** The problem that a door answers for each refusal. */
export const refusalProblems: Readonly<Record<KeyRefusal['code'], ProblemDefinition>> = {
  key_invalid: keyInvalid,
  key_revoked: keyRevoked,
  key_expired: keyExpired,
  key_region_mismatch: keyRegionMismatch,
  key_product_mismatch: keyProductMismatch,
  account_protected: accountProtected,
  account_cancelled: accountCancelled,
  account_frozen: accountFrozen,
  plan_inactive: planInactive,
  balance_exhausted: balanceExhausted,
  ip_not_allowed: ipNotAllowed,
  model_not_allowed: modelNotAllowed,
  endpoint_not_allowed: endpointNotAllowed,
  rate_limited: rateLimited,
};

const tokens = z.number().int().min(0).max(1_000_000_000);

/** Place in the list of changes that gateways poll; whole, growing. */
const changePosition = z.string().regex(/^[0-9]{1,18}$/);

export const keyVerdict = z.discriminatedUnion('valid', [
  z.strictObject({
    valid: z.literal(true),
    accountId,
    keyId: idOf('key'),
    product: keyProduct,
    position: changePosition.describe(
      'Of GET /internal/v1/keys/changes when the key was read: changes up to it are reckoned with and end no call of this verification',
    ),
    rates: z.array(rateWindow).max(6).optional().describe('Every limit in force for this call; absent: none is'),
    reservedAt: timestamp
      .optional()
      .describe(
        'With `rates`: start of the minute that counts this call; to be handed back to POST /internal/v1/keys/usage',
      ),
  }),
  z.strictObject({ valid: z.literal(false), refusal: keyRefusal, rates: z.array(rateWindow).max(6).optional() }),
]);
export type KeyVerdict = z.output<typeof keyVerdict>;

export const verifyKey = endpoint({
  id: 'verifyKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/internal/v1/keys/verify',
  summary: 'Is this key good, now, for this call',
  description:
    'One read of the primary joins key and account gate; nothing is cached, so a verify that starts after a revocation or cancellation was acknowledged never says valid. Region and product are decided from the public part without a read; a wrong tag and an unknown key share one answer. A list of the key that the question gives nothing to compare with refuses: a gateway that passes no address serves no key bound to networks. A good answer has counted the call and reserved its tokens.',
  auth: { kind: 'service', callers: ['gateway'] },
  body: z.strictObject({
    key: z.string().min(1).max(200),
    product: keyProduct,
    model: z
      .string()
      .min(1)
      .max(100)
      .nullable()
      .optional()
      .describe(
        'null: a call that is about no model, such as the list of models. Absent: not known; counts like a model the region does not sell',
      ),
    endpoint: z.string().min(1).max(100).optional().describe('Path below the Base URL, e.g. "chat/completions"'),
    ip: z.union([z.ipv4(), z.ipv6()]).optional().describe('Address of the caller'),
    tokensEstimate: tokens.optional().describe('Tokens to reserve; corrected by POST /internal/v1/keys/usage'),
  }),
  answers: { 200: keyVerdict },
  problems: [],
});

export const reportKeyUsage = endpoint({
  id: 'reportKeyUsage',
  service: 'key-issuance',
  method: 'POST',
  path: '/internal/v1/keys/usage',
  summary: 'Correct the tokens that a verification reserved by those really used',
  description:
    'Counts once per request id within a day. The minute window is corrected only while it is the one that was reserved in; the day likewise.',
  auth: { kind: 'service', callers: ['gateway'] },
  body: z.strictObject({
    requestId: z.string().min(1).max(64),
    accountId,
    keyId: idOf('key'),
    model: z.string().min(1).max(100).nullable().optional().describe('As it was told to the verification'),
    reservedAt: timestamp,
    tokensReserved: tokens,
    tokensUsed: tokens,
  }),
  answers: { 204: null },
  problems: [regionMismatch],
});

export const issuePlanKey = endpoint({
  id: 'issuePlanKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/internal/v1/plan-keys',
  summary: 'Issue a token-plan key, good while the plan is',
  auth: { kind: 'service', callers: ['billing'] },
  idempotent: true,
  body: z.strictObject({ accountId, name: personText(60), planUntil: timestamp }),
  answers: { 201: shownOnce.omit({ baseUrl: true }) },
  problems: [tooManyKeys, accountCancelled, regionMismatch],
});

export const setPlan = endpoint({
  id: 'setPlan',
  service: 'key-issuance',
  method: 'PUT',
  path: '/internal/v1/accounts/{accountId}/plan',
  summary: 'Until when plan keys of the account are good; null: no longer',
  auth: { kind: 'service', callers: ['billing'] },
  params: z.strictObject({ accountId }),
  body: z.strictObject({ planUntil: timestamp.nullable() }),
  answers: { 204: null },
  problems: [accountCancelled, regionMismatch],
});

/** `rotated`: a rotation without grace. */
export const keyChangeReason = z.enum(['revoked', 'rotated', 'cancelled', 'protected', 'frozen', 'exhausted']);

export const listKeyChanges = endpoint({
  id: 'listKeyChanges',
  service: 'key-issuance',
  method: 'GET',
  path: '/internal/v1/keys/changes',
  summary: 'Long poll: accounts and keys whose open streams must end',
  description:
    'Answers as soon as there is a change after `after`, or empty after `wait` seconds. Without `after` it answers the present position at once. A change ends the open calls it concerns that were verified at a lower position: of those at it or above, the verification has seen it. A gateway without an answer for 10 s ends every open stream.',
  auth: { kind: 'service', callers: ['gateway'] },
  query: z.strictObject({
    after: changePosition.optional(),
    wait: z.coerce.number().int().min(0).max(8).default(5),
  }),
  answers: {
    200: z.strictObject({
      position: changePosition,
      changes: z.array(
        z.strictObject({
          position: changePosition,
          accountId,
          keyId: idOf('key').nullable().describe('null: every key of the account'),
          reason: keyChangeReason,
        }),
      ),
    }),
  },
  problems: [],
});

export const getKeyStanding = endpoint({
  id: 'getKeyStanding',
  service: 'key-issuance',
  method: 'GET',
  path: '/internal/v1/accounts/{accountId}/standing',
  summary: 'How many keys are active, for the preview of a cancellation',
  auth: { kind: 'service', callers: ['identity'] },
  params: z.strictObject({ accountId }),
  answers: { 200: z.strictObject({ activeKeys: z.number().int() }) },
  problems: [regionMismatch],
});

export { accountCancelled };
export const endpoints = [
  createKey,
  createTemporaryKey,
  listKeys,
  listKeyProjects,
  listKeyAudit,
  getKeyPattern,
  reportLeakedKey,
  getKey,
  updateKey,
  rotateKey,
  revokeKey,
  revokeAllKeys,
  verifyKey,
  authorizeKey,
  authorizeKeyOfPost,
  reportKeyUsage,
  issuePlanKey,
  setPlan,
  listKeyChanges,
  getKeyStanding,
  fenceKeyIssuance,
] as const;
