// verification: real-name verification. Identity data goes in, never comes out: answers are masked.
import { z } from 'zod';
import { accountId, consentRequired, idOf, personText, regionMismatch, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { fenceVerification } from './fence.ts';
import { problem } from './problem.ts';

export const realNameNotOffered = problem('real_name_not_offered', 404, 'This region has no real-name verification');
export const identityNumberInvalid = problem(
  'identity_number_invalid',
  422,
  'The identity number cannot be right; check it for a slip',
);
export const identityMismatch = problem('identity_mismatch', 422, 'Name and number do not belong together');
export const underAge = problem('under_age', 422, 'The person is younger than this region allows for paying');
export const verificationAttemptsUsed = problem(
  'verification_attempts_used',
  429,
  'All attempts of today are used; wait for Retry-After seconds',
);
export const verificationPending = problem('verification_pending', 409, 'A submission is already being checked');
export const alreadyVerified = problem(
  'already_verified',
  409,
  'The account is verified already; enterprise never goes back to personal',
);
export const identityInUse = problem(
  'identity_in_use',
  409,
  'This person has verified as many accounts as are allowed',
);
export const registryUnavailable = problem(
  'registry_unavailable',
  503,
  'The registry does not answer; no attempt was used up, try again after Retry-After seconds',
);

export const verificationState = z.strictObject({
  status: z.enum(['not_required', 'none', 'pending', 'personal', 'enterprise', 'manual_review']),
  allowsPayment: z.boolean(),
  masked: z.strictObject({ name: z.string(), number: z.string() }).nullable(),
  verifiedAt: timestamp.nullable(),
  attemptsLeftToday: z.number().int(),
});

export const getVerification = endpoint({
  id: 'getVerification',
  service: 'verification',
  method: 'GET',
  path: '/v1/verification',
  summary: 'How the account is verified',
  auth: { kind: 'user' },
  answers: { 200: verificationState },
  problems: [],
});

export const submitPersonalVerification = endpoint({
  id: 'submitPersonalVerification',
  service: 'verification',
  method: 'POST',
  path: '/v1/verification/personal',
  summary: 'Verify a person by name and identity number',
  description:
    'Resident identity number (18 characters, GB 11643) or a permit of the same form. Checked locally first; only a mismatch told by the registry uses up an attempt (5 a day). Stored encrypted under a key of its own, shown masked.',
  auth: { kind: 'user' },
  idempotent: true,
  body: z.strictObject({
    name: personText(60),
    number: z
      .string()
      .trim()
      .min(15)
      .max(18)
      .regex(/^[0-9A-Za-z]+$/),
    consentVersion: z
      .string()
      .min(1)
      .max(40)
      .describe(
        'Version of the consent text the person agreed to, as GET /v1/region names it; any other is refused (separate consent, PIPL art. 29)',
      ),
  }),
  answers: { 200: verificationState, 202: verificationState },
  problems: [
    realNameNotOffered,
    consentRequired,
    identityNumberInvalid,
    identityMismatch,
    underAge,
    verificationAttemptsUsed,
    verificationPending,
    alreadyVerified,
    identityInUse,
    registryUnavailable,
  ],
  limit: { max: 30, windowSeconds: 60 },
});

export const getVerificationStanding = endpoint({
  id: 'getVerificationStanding',
  service: 'verification',
  method: 'GET',
  path: '/internal/v1/verifications/{accountId}',
  summary: 'Whether an account is verified, asked once by billing when its own copy says no',
  auth: { kind: 'service', callers: ['billing', 'identity'] },
  params: z.strictObject({ accountId }),
  answers: {
    200: z.strictObject({ accountId, verified: z.boolean(), kind: z.enum(['personal', 'enterprise']).nullable() }),
  },
  problems: [regionMismatch],
});

export const matchRealName = endpoint({
  id: 'matchRealName',
  service: 'verification',
  method: 'POST',
  path: '/internal/v1/verifications/match',
  summary: 'Whether a name and a number are those the account was verified with',
  description:
    'Answers match or no match, and nothing else: an account that is unknown, or verified by nobody, matches nobody. Ten questions a day under one `askedAs`, whoever it is about.',
  auth: { kind: 'service', callers: ['identity'] },
  body: z.strictObject({
    accountId,
    askedAs: z
      .string()
      .regex(/^[A-Za-z0-9_:-]{20,100}$/)
      .describe('What the question is counted under: opaque, the same for one name that a person gave for the account'),
    name: personText(60),
    number: z.string().trim().min(15).max(18),
  }),
  answers: { 200: z.strictObject({ match: z.boolean() }) },
  problems: [regionMismatch, verificationAttemptsUsed],
});

export const submissionId = idOf('sub');
export const endpoints = [
  getVerification,
  submitPersonalVerification,
  getVerificationStanding,
  matchRealName,
  fenceVerification,
] as const;
