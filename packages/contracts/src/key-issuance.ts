// key-issuance: API keys, their verification, and the account gate behind it.
import { z } from 'zod';
import {
  accountCancelled,
  accountId,
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
import { fenceKeyIssuance } from './fence.ts';
import { authorizeKey, authorizeKeyOfPost } from './key-authorize.ts';
import { problem } from './problem.ts';

// What is wrong with a key, in the words a gateway passes on.
export const keyInvalid = problem('key_invalid', 401, 'The API key is not valid');
export const keyRevoked = problem('key_revoked', 401, 'The API key was revoked');
export const keyRegionMismatch = problem('key_region_mismatch', 401, 'The API key belongs to another region');
export const keyProductMismatch = problem('key_product_mismatch', 401, 'The API key belongs to another product');
export const accountProtected = problem('account_protected', 403, 'The account has abnormal usage behavior');
export const balanceExhausted = problem('balance_exhausted', 402, 'The balance is used up; recharge to go on');
export const tooManyKeys = problem(
  'too_many_keys',
  409,
  'The account has as many keys as are allowed; revoke one first',
);

export const keyProduct = z.enum(['payg', 'plan']);
export type KeyProduct = z.infer<typeof keyProduct>;

/** Published form of a key, for secret scanners: family, region and pepper version, 32 secret + 6 CRC-32 + 8 tag characters of base 62. */
export const keyPattern = /^(sk|tp)-([a-z]{2,12})([0-9]{1,3})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})([0-9A-Za-z]{8})$/;

export const apiKey = z.strictObject({
  keyId: idOf('key'),
  name: z.string(),
  product: keyProduct,
  display: z.string().describe('Head of the key, enough to recognise it'),
  status: z.enum(['active', 'revoked']),
  createdAt: timestamp,
  lastUsedAt: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
});

export const createKey = endpoint({
  id: 'createKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/v1/keys',
  summary: 'Create an API key; its secret is shown in this answer only',
  auth: { kind: 'user', introspect: true },
  idempotent: true,
  body: z.strictObject({ name: personText(60), product: z.literal('payg') }),
  answers: {
    201: z.strictObject({
      key: apiKey,
      secret: z.string().describe('Shown once'),
      baseUrl: z.url().describe('The Base URL this key works at'),
    }),
  },
  problems: [tooManyKeys],
  limit: { max: 30, windowSeconds: 60 },
});

export const listKeys = endpoint({
  id: 'listKeys',
  service: 'key-issuance',
  method: 'GET',
  path: '/v1/keys',
  summary: 'The keys of the account, newest first',
  auth: { kind: 'user' },
  query: pageQuery,
  answers: { 200: pageOf(apiKey) },
  problems: [],
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

/** Why a presented key is refused, with what its holder needs to know to go on. */
export const keyRefusal = z.strictObject({
  code: z.enum([
    'key_invalid',
    'key_revoked',
    'key_region_mismatch',
    'key_product_mismatch',
    'account_protected',
    'account_cancelled',
    'balance_exhausted',
  ]),
  region: regionId.optional(),
  baseUrl: z.url().optional().describe('For a mismatch: the Base URL that this key works at'),
  caseId: idOf('cas').optional(),
  until: timestamp.optional(),
  appealUrl: z.url().optional(),
});
export type KeyRefusal = z.infer<typeof keyRefusal>;

export const verifyKey = endpoint({
  id: 'verifyKey',
  service: 'key-issuance',
  method: 'POST',
  path: '/internal/v1/keys/verify',
  summary: 'Is this key good, now',
  description:
    'One read of the primary joins key and account gate; nothing is cached, so a verify that starts after a revocation or cancellation was acknowledged never says valid. Region and product are decided from the public part without a read; a wrong tag and an unknown key share one answer.',
  auth: { kind: 'service', callers: ['gateway'] },
  body: z.strictObject({ key: z.string().min(1).max(200), product: keyProduct }),
  answers: {
    200: z.discriminatedUnion('valid', [
      z.strictObject({ valid: z.literal(true), accountId, keyId: idOf('key'), product: keyProduct }),
      z.strictObject({ valid: z.literal(false), refusal: keyRefusal }),
    ]),
  },
  problems: [],
});

export const listKeyChanges = endpoint({
  id: 'listKeyChanges',
  service: 'key-issuance',
  method: 'GET',
  path: '/internal/v1/keys/changes',
  summary: 'Long poll: accounts and keys whose open streams must end',
  description:
    'Answers as soon as there is a change after `after`, or empty after `wait` seconds. Without `after` it answers the present position at once. A gateway without an answer for 10 s ends every open stream.',
  auth: { kind: 'service', callers: ['gateway'] },
  query: z.strictObject({
    after: z
      .string()
      .regex(/^[0-9]{1,18}$/)
      .optional(),
    wait: z.coerce.number().int().min(0).max(8).default(5),
  }),
  answers: {
    200: z.strictObject({
      position: z.string(),
      changes: z.array(
        z.strictObject({
          accountId,
          keyId: idOf('key').nullable().describe('null: every key of the account'),
          reason: z.enum(['revoked', 'cancelled', 'protected', 'exhausted']),
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
  listKeys,
  revokeKey,
  verifyKey,
  authorizeKey,
  authorizeKeyOfPost,
  listKeyChanges,
  getKeyStanding,
  fenceKeyIssuance,
] as const;
