// Is the text acceptable. Matching knows nothing of accounts, so it runs beside the verification of the key; only hits are scored, against the
// account that the verification named. Moderation down lets traffic pass, counted and logged: it must not be able to stop every customer.
import { contentFilter } from '@meridian/contracts/gateway.ts';
import { type Hit, matchText, scoreHits } from '@meridian/contracts/moderation.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import { refuseKey } from '../keys/refuse-key.ts';
import { textQuestions } from './texts.ts';

export type ModerateDeps = Pick<Core, 'call' | 'log'> & {
  readonly moderationUrl: string;
  /** Counts what passed unseen. */
  readonly passedUnseen: (step: 'match' | 'score') => void;
};

const timeoutMs = 2_000;
/** The contract's bound on hits of one score. */
const maxHits = 200;

/** Hits in all texts of the messages; none when moderation does not answer. Never rejects. */
export const matchMessages = async (
  deps: ModerateDeps,
  messages: Parameters<typeof textQuestions>[0],
): Promise<Hit[]> => {
  const ask = async (texts: string[]) => {
    const { body } = await deps.call(matchText, { baseUrl: deps.moderationUrl, body: { texts }, timeoutMs });
    return body.hits;
  };
  try {
    return (await Promise.all(textQuestions(messages).map(ask))).flat().slice(0, maxHits);
  } catch (err) {
    deps.passedUnseen('match');
    deps.log.error({ err }, 'moderation does not match; the call passes');
    return [];
  }
};

/** Refuses with `content_filter` or `account_protected` when the hits weigh enough. */
export const scoreMessages = async (
  deps: ModerateDeps,
  question: { accountId: string; requestId: string; hits: Hit[] },
): Promise<void> => {
  if (question.hits.length === 0) return;
  const verdict = await deps
    .call(scoreHits, { baseUrl: deps.moderationUrl, body: question, timeoutMs })
    .then(({ body }) => body)
    .catch((err: unknown) => {
      deps.passedUnseen('score');
      deps.log.error({ err }, 'moderation does not score; the call passes');
      return { verdict: 'pass' } as const;
    });
  if (verdict.verdict === 'refuse_request') {
    const { category } = verdict;
    fail(contentFilter, { detail: `The request was refused by the content rules (category: ${category})`, category });
  }
  if (verdict.verdict === 'account_protected') {
    const { caseId, until, appealUrl } = verdict;
    refuseKey({ code: 'account_protected', caseId, until, appealUrl });
  }
};
