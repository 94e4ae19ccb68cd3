import { matchBusy, matchText } from '@meridian/contracts/moderation.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from '../db/schema.ts';
import type { LiveRules } from '../rules/live-rules.ts';
import { createRoom } from './match-room.ts';
import { matchTexts } from './match-texts.ts';
import { createPace } from './pace.ts';
import { createTurns } from './turns.ts';

/** UTF-16 units matched at a time in this process: bounds memory, and how long the last of them waits. */
const unitsAtATime = 16 * 1_048_576;
// A text costs something whatever its length.
const unitsPerText = 64;

export const matchRoutes = (
  platform: Platform<Schema>,
  { rules, fingerprintKey }: { rules: LiveRules; fingerprintKey: string },
): void => {
  const room = createRoom(unitsAtATime);
  const turn = createTurns();
  route(platform.internalServer, matchText, async ({ body: { texts }, reply }) => {
    const units = texts.reduce((sum, text) => sum + text.length + unitsPerText, 0);
    const leave = room.take(units) ?? fail(matchBusy, { retryAfter: 1 });
    try {
      // The gateway hangs up when the key turns out bad: its text is not worth the work.
      const pace = createPace({ units, turn, isGone: () => reply.raw.destroyed });
      return { status: 200, body: { hits: await matchTexts(texts, rules.current(), fingerprintKey, pace) } };
    } finally {
      leave();
    }
  });
};
