import { scoreBusy } from '@meridian/contracts/moderation.ts';
import { fail } from '@meridian/kit/http/problems.ts';

/** Scores under way at a time, waiting ones included. */
const mostOfAccount = 32;
const mostOfAll = 256;
// Refused before its caller stops waiting (who would take that for an outage and let the text pass).
const mostMilliseconds = 1_000;

/** Runs `work` when the scores of the account that came before it are done. Fails with `score_busy` when there is no room, or it waits too long. */
export type ScoreQueue = <T>(accountId: string, work: () => Promise<T>) => Promise<T>;

/**
 * The scores of an account come one after the other anyway (its row is locked). Those that wait do so here, not on a connection to the
 * database each: a flood of one account would hold them all, and hold up every other account's scores.
 */
export const createScoreQueue = (clock: () => number = () => performance.now()): ScoreQueue => {
  const waiting = new Map<string, (() => void)[]>();
  let underWay = 0;
  const turn = (accountId: string): Promise<void> => {
    const line = waiting.get(accountId);
    // One is at work besides those in line.
    if (underWay >= mostOfAll || (line && line.length + 1 >= mostOfAccount)) fail(scoreBusy, { retryAfter: 1 });
    underWay += 1;
    if (line) return new Promise((resolve) => line.push(resolve));
    waiting.set(accountId, []);
    return Promise.resolve();
  };
  const leave = (accountId: string) => {
    underWay -= 1;
    const next = waiting.get(accountId)?.shift();
    if (next) next();
    else waiting.delete(accountId);
  };
  return async (accountId, work) => {
    const until = clock() + mostMilliseconds;
    await turn(accountId);
    try {
      return clock() > until ? fail(scoreBusy, { retryAfter: 1 }) : await work();
    } finally {
      leave(accountId);
    }
  };
};
