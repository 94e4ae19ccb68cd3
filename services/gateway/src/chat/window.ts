// How many output tokens are held for a stream, and getting more before they run out.
import { insufficientBalance, type UsageFigures } from '@meridian/contracts/billing.ts';
import { accountCancelled } from '@meridian/contracts/common.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import type { Hold } from '../metering/holds.ts';

export type Window = {
  /** undefined when `tokens` output tokens are held for; else resolves when they are, or rejects with the refusal. */
  readonly cover: (tokens: number) => Promise<void> | undefined;
  /** Asks for more ahead of time when little is left or the hold is about to run out. Never rejects, never waits. */
  readonly lookAhead: () => void;
};

// Asked for when a quarter of the window is left, so that a stream seldom waits.
const askAt = 0.75;
const beforeDeadlineMs = 30_000;
/** After an attempt that billing did not answer; several fit in what is left before the deadline. */
const pauseMs = 2_000;
/** What will not be otherwise at the next chunk. */
const lasting: readonly (string | undefined)[] = [insufficientBalance.code, accountCancelled.code];

/** `limit`: the caller's own; once all of it is held for, the upstream keeps to it and nothing more is asked. */
export const createWindow = (options: {
  readonly hold: Hold;
  readonly size: number;
  readonly limit: number | undefined;
  readonly soFar: () => UsageFigures;
  /** Output tokens delivered; asked for at every chunk. */
  readonly used: () => number;
  readonly now: () => Date;
}): Window => {
  const { hold, size, limit, soFar, used, now } = options;
  let covered = Math.min(size, limit ?? size);
  let extending: Promise<void> | undefined;
  let quietUntil = Number.NEGATIVE_INFINITY;

  const complete = () => limit !== undefined && covered >= limit;

  const extend = (atLeast: number): Promise<void> => {
    const figures = soFar();
    const wanted = Math.max(size, atLeast - figures.completionTokens);
    const window = limit === undefined ? wanted : Math.max(1, Math.min(wanted, limit - figures.completionTokens));
    extending ??= hold
      .extend(figures, window)
      .then(() => {
        covered = Math.max(covered, figures.completionTokens + window);
      })
      .finally(() => {
        extending = undefined;
      });
    return extending;
  };

  const isCovered = (tokens: number) => tokens <= covered || complete();
  const coverLater = async (tokens: number): Promise<void> => {
    while (!isCovered(tokens)) await extend(tokens);
  };

  return {
    cover: (tokens) => (isCovered(tokens) ? undefined : coverLater(tokens)),
    lookAhead: () => {
      const at = now().getTime();
      if (extending || at < quietUntil) return;
      const low = used() > covered - size * (1 - askAt) && !complete();
      const late = hold.deadline().getTime() - at < beforeDeadlineMs;
      if (!low && !late) return;
      extend(0).catch((error: unknown) => {
        // Met again, and then told, when the tokens are really needed; until then nobody is asked again at every chunk.
        quietUntil = lasting.includes(errorCode(error)) ? Number.POSITIVE_INFINITY : now().getTime() + pauseMs;
      });
    },
  };
};
