// Matching within the bounds of this process: so much text at a time, one match at work per turn.
import { type Hit, matchBusy } from '@meridian/contracts/moderation.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { LiveRules } from '../rules/live-rules.ts';
import { createRoom } from './match-room.ts';
import { matchTexts } from './match-texts.ts';
import { createPace, type PaceOptions } from './pace.ts';
import { createTurns } from './turns.ts';

/** UTF-16 units matched at a time in this process: bounds memory, and how long the last of them waits. */
const unitsAtATime = 16 * 1_048_576;
// A text costs something whatever its length.
const unitsPerText = 64;

export type BoundedMatchingDeps = Pick<PaceOptions, 'clock'> & {
  readonly rules: Pick<LiveRules, 'current'>;
  readonly fingerprintKey: string;
};

/** Matches texts against the rules in force. Fails with `match_busy` when there is no room, and as the pace does. */
export const createBoundedMatching = ({ rules, fingerprintKey, clock }: BoundedMatchingDeps) => {
  const room = createRoom(unitsAtATime);
  const turn = createTurns();
  return async (texts: readonly string[], isGone: () => boolean): Promise<Hit[]> => {
    const units = texts.reduce((sum, text) => sum + text.length + unitsPerText, 0);
    const leave = room.take(units) ?? fail(matchBusy, { retryAfter: 1 });
    try {
      const pace = createPace({ units, turn, isGone, clock });
      return await matchTexts(texts, rules.current(), fingerprintKey, pace);
    } finally {
      leave();
    }
  };
};
