// How many output tokens are held for a stream, and getting more before they run out.
import type { UsageFigures } from '@meridian/contracts/billing.ts';
import type { Hold } from '../metering/holds.ts';

export type Window = {
  /** Resolves when `tokens` output tokens are held for; rejects with the refusal when they cannot be. */
  readonly cover: (tokens: number) => Promise<void>;
  /** Asks for more ahead of time when little is left or the hold is about to run out. Never rejects, never waits. */
  readonly lookAhead: () => void;
};

// Asked for when a quarter of the window is left, so that a stream seldom waits.
const askAt = 0.75;
const beforeDeadlineMs = 30_000;

/** `limit`: the caller's own; once all of it is held for, the upstream keeps to it and nothing more is asked. */
export const createWindow = (options: {
  readonly hold: Hold;
  readonly size: number;
  readonly limit: number | undefined;
  readonly soFar: () => UsageFigures;
  readonly now: () => Date;
}): Window => {
  const { hold, size, limit, soFar, now } = options;
  let covered = Math.min(size, limit ?? size);
  let extending: Promise<void> | undefined;

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

  return {
    cover: async (tokens) => {
      while (tokens > covered && !complete()) await extend(tokens);
    },
    lookAhead: () => {
      if (extending) return;
      const used = soFar().completionTokens;
      const low = used > covered - size * (1 - askAt) && !complete();
      const late = hold.deadline().getTime() - now().getTime() < beforeDeadlineMs;
      // A refusal is met again, and then told, when the tokens are really needed.
      if (low || late) extend(0).catch(() => undefined);
    },
  };
};
