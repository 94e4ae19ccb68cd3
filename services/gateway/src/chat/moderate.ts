// Is the text acceptable. Matching knows nothing of accounts, so it runs beside the verification of the key; only hits are scored, against the
// account that the verification named. Moderation down lets traffic pass, counted and logged: it must not be able to stop every customer. Only
// an outage does: what moderation refuses to look at, or there is no room to ask about, is refused to the caller, or a caller could choose it.
// A text that has hits is not everybody's: it waits for a moderation that is merely busy.
import { unavailable } from '@meridian/contracts/common.ts';
import { contentFilter } from '@meridian/contracts/gateway.ts';
import { type Hit, matchText, scoreHits } from '@meridian/contracts/moderation.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import { refuseKey } from '../keys/refuse-key.ts';
import type { MatchRoom } from './match-room.ts';
import { type Question, type Spoken, textQuestions } from './texts.ts';

type Step = 'match' | 'score';

export type ModerateDeps = Pick<Core, 'call' | 'log'> & {
  readonly moderationUrl: string;
  /** Milliseconds for an answer, besides those for the size of the text. */
  readonly moderationTimeoutMs: number;
  readonly matchRoom: MatchRoom;
  /** Counts what passed unseen, */
  readonly passedUnseen: (step: Step) => void;
  /** and what was refused because moderation would not look at it. */
  readonly refusedUnseen: (step: Step | 'room') => void;
};

/** Twice what moderation gives a match, so that a text which takes long is refused by it, and only silence counts as an outage. */
const timeoutMsPerMebi = 1_000;
/** The contract's bound on hits of one score. */
const maxHits = 200;

const statusOf = (error: unknown): number => {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' ? status : 0;
};

const isOutage = (step: Step, error: unknown): boolean =>
  errorCode(error) === 'unreachable' ||
  (step === 'match' && (errorCode(error) === 'timeout' || statusOf(error) >= 500));

const refuseUnseen = (detail: string): never => fail(unavailable, { detail, retryAfter: 1 });

/** What follows from a failed question: in an outage the call passes with `instead`, otherwise it is refused. */
const passOrRefuse = <T>(deps: ModerateDeps, step: Step, err: unknown, instead: T): T => {
  if (isOutage(step, err)) {
    deps.passedUnseen(step);
    deps.log.error({ err }, `moderation does not ${step}; the call passes`);
    return instead;
  }
  deps.refusedUnseen(step);
  deps.log.error({ err }, `moderation refuses to ${step}; the call is refused`);
  return refuseUnseen('The text of this call could not be checked; send less of it, or try again');
};

/** The first hits of every question first: each lists what acts before what is only watched, and the list is cut. */
const merged = (lists: readonly Hit[][]): Hit[] => {
  const longest = Math.max(0, ...lists.map((hits) => hits.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((hits) => hits.slice(i, i + 1)))
    .flat()
    .slice(0, maxHits);
};

export type Matching = {
  /** Hits in all texts; none in an outage. Rejects with the refusal when moderation would not look. */
  readonly hits: Promise<Hit[]>;
  /** Asks no more: nobody will want to know. */
  readonly stop: () => void;
};

/** Begins to match. Refuses at once when this gateway, or this caller, has too much text under way. */
export const startMatching = (deps: ModerateDeps, { ip, request }: { ip: string; request: Spoken }): Matching => {
  const questions = textQuestions(request);
  const bytes = questions.reduce((sum, question) => sum + question.bytes, 0);
  const leave = deps.matchRoom.take(ip, bytes);
  if (leave === undefined) {
    deps.refusedUnseen('room');
    return refuseUnseen('Too much text is being checked at the moment; try again');
  }
  const stopped = new AbortController();
  const ask = async ({ texts, bytes: size }: Question): Promise<Hit[]> => {
    const patience = deps.moderationTimeoutMs + Math.ceil((timeoutMsPerMebi * size) / 1_048_576);
    const { body } = await deps.call(matchText, {
      baseUrl: deps.moderationUrl,
      body: { texts: [...texts] },
      timeoutMs: patience,
      signal: stopped.signal,
    });
    return body.hits;
  };
  const hits = Promise.all(questions.map(ask))
    .then(merged)
    .catch((err: unknown): Hit[] => {
      if (stopped.signal.aborted) return [];
      stopped.abort();
      return passOrRefuse(deps, 'match', err, []);
    })
    .finally(leave);
  // Awaited only once the key is known to be good.
  hits.catch(() => undefined);
  return { hits, stop: () => stopped.abort() };
};

/** Refuses with `content_filter` or `account_protected` when the hits weigh enough. */
export const scoreCall = async (
  deps: ModerateDeps,
  question: { accountId: string; requestId: string; hits: Hit[] },
): Promise<void> => {
  if (question.hits.length === 0) return;
  const verdict = await deps
    .call(scoreHits, { baseUrl: deps.moderationUrl, body: question, timeoutMs: deps.moderationTimeoutMs })
    .then(({ body }) => body)
    .catch((err: unknown) => {
      if (errorCode(err) === 'account_cancelled') return refuseKey({ code: 'account_cancelled' });
      return passOrRefuse(deps, 'score', err, { verdict: 'pass' } as const);
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
