// moderation: matching, scoring, protection with a case, appeals and their decision by a person.
import { z } from 'zod';
import {
  accountCancelled,
  accountId,
  idOf,
  notFound,
  pageOf,
  pageQuery,
  personLetter,
  regionMismatch,
  timestamp,
} from './common.ts';
import { endpoint } from './endpoint.ts';
import { fenceModeration } from './fence.ts';
import { problem } from './problem.ts';

export const appealOpen = problem('appeal_open', 409, 'There is an open appeal for this case already');
export const caseClosed = problem('case_closed', 409, 'The case is closed');
export const secondPersonRequired = problem(
  'second_person_required',
  403,
  'An appeal is decided by another person than the one who decided before',
);
export const caseNotDecidable = problem(
  'case_not_decidable',
  409,
  'The case is not in a state that takes this decision',
);

/** These are refusals of one text by a service that is well: who asks must refuse the call, never let it pass. */
export const matchBusy = problem('match_busy', 429, 'Too much text is being matched; wait for Retry-After seconds');
export const scoreBusy = problem(
  'score_busy',
  429,
  'Too many scores wait, of this account or in all; wait for Retry-After seconds',
);
export const textTooCostly = problem(
  'text_too_costly',
  422,
  'Matching this text would take more work than its size allows',
);

const caseState = z.enum(['open', 'upheld', 'overturned', 'expired']);

export const protectionView = z.strictObject({
  protected: z.boolean(),
  message: z.string().nullable(),
  caseId: idOf('cas').nullable(),
  until: timestamp.nullable(),
  category: z.string().nullable(),
  appeal: z
    .strictObject({ status: z.enum(['none', 'open', 'upheld', 'overturned']), submittedAt: timestamp.nullable() })
    .nullable(),
  appealUrl: z.url(),
});

export const getProtection = endpoint({
  id: 'getProtection',
  service: 'moderation',
  method: 'GET',
  path: '/v1/moderation/protection',
  summary: 'Whether the account is under protection, why and until when',
  auth: { kind: 'user' },
  answers: { 200: protectionView },
  problems: [],
});

export const submitAppeal = endpoint({
  id: 'submitAppeal',
  service: 'moderation',
  method: 'POST',
  path: '/v1/moderation/appeals',
  summary: 'Appeal against a protection',
  auth: { kind: 'user' },
  body: z.strictObject({ caseId: idOf('cas'), text: personLetter(2000) }),
  answers: {
    201: z.strictObject({ appealId: idOf('apl'), caseId: idOf('cas'), status: z.literal('open'), dueAt: timestamp }),
  },
  problems: [notFound, appealOpen, caseClosed],
  limit: { max: 20, windowSeconds: 60 },
});

export const caseView = z.strictObject({
  caseId: idOf('cas'),
  accountId,
  state: caseState,
  category: z.string(),
  rules: z.array(
    z.strictObject({
      ruleId: z.string(),
      version: z.number().int(),
      pattern: z.string().describe('Staff see the word; callers never do'),
    }),
  ),
  openedAt: timestamp,
  dueAt: timestamp,
  protectedUntil: timestamp,
  decisions: z.array(
    z.strictObject({
      staffId: z.string(),
      decision: z.enum(['uphold', 'overturn']),
      reason: z.string(),
      at: timestamp,
    }),
  ),
  appeal: z
    .strictObject({
      appealId: idOf('apl'),
      text: z.string(),
      submittedAt: timestamp,
      status: z.enum(['open', 'upheld', 'overturned']),
    })
    .nullable(),
});

export const listCases = endpoint({
  id: 'listCases',
  service: 'moderation',
  method: 'GET',
  path: '/staff/v1/moderation/cases',
  summary: 'Cases for review, the most urgent first',
  auth: { kind: 'staff', roles: ['reviewer', 'support', 'admin'] },
  query: pageQuery.extend({
    state: caseState.optional(),
    appealed: z.enum(['true', 'false']).optional(),
    accountId: accountId.optional(),
  }),
  answers: { 200: pageOf(caseView) },
  problems: [],
});

export const getCase = endpoint({
  id: 'getCase',
  service: 'moderation',
  method: 'GET',
  path: '/staff/v1/moderation/cases/{caseId}',
  summary: 'One case',
  auth: { kind: 'staff', roles: ['reviewer', 'support', 'admin'] },
  params: z.strictObject({ caseId: idOf('cas') }),
  answers: { 200: caseView },
  problems: [notFound],
});

export const decideCase = endpoint({
  id: 'decideCase',
  service: 'moderation',
  method: 'POST',
  path: '/staff/v1/moderation/cases/{caseId}/decision',
  summary: 'Uphold or overturn; an open appeal is decided with it',
  description:
    'Overturning lifts the protection at once. An appeal is decided by another person than the one who decided before. Every decision is audited with its reason.',
  auth: { kind: 'staff', roles: ['reviewer', 'admin'] },
  params: z.strictObject({ caseId: idOf('cas') }),
  body: z.strictObject({ decision: z.enum(['uphold', 'overturn']), reason: personLetter(1000) }),
  answers: { 200: caseView },
  problems: [notFound, secondPersonRequired, caseClosed, caseNotDecidable],
});

/** One hit: which rule, and a fingerprint of the window around it, so that re-sent context counts once. Never the text. */
export const hit = z.strictObject({
  ruleId: z.string().max(60),
  version: z.number().int().min(1).max(2_147_483_647),
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  offset: z.number().int().min(0).max(2_147_483_647),
});
export type Hit = z.infer<typeof hit>;

export const matchText = endpoint({
  id: 'matchText',
  service: 'moderation',
  method: 'POST',
  path: '/internal/v1/matches',
  summary: 'Match a text against the live rules; knows nothing of accounts',
  description:
    'Texts that would hold up the others are refused, not skipped: `text_too_costly` (compatibility characters that unfold to many), `match_busy` (too much at a time).',
  auth: { kind: 'service', callers: ['gateway'] },
  maxBodyBytes: 4_194_304,
  body: z.strictObject({ texts: z.array(z.string().max(1_048_576)).min(1).max(2_000) }),
  answers: { 200: z.strictObject({ hits: z.array(hit).max(200) }) },
  problems: [matchBusy, textTooCostly],
});

export const scoreHits = endpoint({
  id: 'scoreHits',
  service: 'moderation',
  method: 'POST',
  path: '/internal/v1/scores',
  summary: 'Score hits against the account that the key named',
  description: 'May put the account under protection: with an end time, and with a case in the same transaction.',
  auth: { kind: 'service', callers: ['gateway'] },
  body: z.strictObject({ accountId, requestId: idOf('req'), hits: z.array(hit).min(1).max(200) }),
  answers: {
    200: z.discriminatedUnion('verdict', [
      z.strictObject({ verdict: z.literal('pass') }),
      z.strictObject({ verdict: z.literal('refuse_request'), category: z.string() }),
      z.strictObject({
        verdict: z.literal('account_protected'),
        caseId: idOf('cas'),
        until: timestamp,
        appealUrl: z.url(),
      }),
    ]),
  },
  problems: [regionMismatch, accountCancelled, scoreBusy],
});

export const getModerationStanding = endpoint({
  id: 'getModerationStanding',
  service: 'moderation',
  method: 'GET',
  path: '/internal/v1/accounts/{accountId}/standing',
  summary: 'Whether a case is open, for the preview of a cancellation',
  auth: { kind: 'service', callers: ['identity'] },
  params: z.strictObject({ accountId }),
  answers: { 200: z.strictObject({ openCase: z.boolean() }) },
  problems: [regionMismatch],
});

export const endpoints = [
  getProtection,
  submitAppeal,
  listCases,
  getCase,
  decideCase,
  matchText,
  scoreHits,
  getModerationStanding,
  fenceModeration,
] as const;
