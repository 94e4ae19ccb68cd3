// What one match may cost. Work is counted in steps (units of text written or looked at), which say the same on every machine.
import { matchBusy, textTooCostly } from '@meridian/contracts/moderation.ts';
import { fail } from '@meridian/kit/http/problems.ts';

/** Spends steps; answers a promise to wait for when it is time to let others work. Throws when the match must end. */
export type Pace = (steps: number) => Promise<void> | undefined;

/** Steps between two turns: some milliseconds at most. */
const stepsPerTurn = 65_536;
// Ordinary text of any script costs 2 to 8 steps per unit; short texts may be anything.
const stepsPerUnit = 16;
const stepsFree = 262_144;
// Ends before its caller stops waiting (who would take that for an outage and let the text pass).
const millisecondsFree = 1_000;
const millisecondsPerMebi = 500;

export type PaceOptions = {
  /** UTF-16 units of all texts of the match. */
  readonly units: number;
  readonly turn: () => Promise<void>;
  /** Whether nobody waits for the answer any more. */
  readonly isGone?: () => boolean;
  /** Milliseconds, running on. */
  readonly clock?: (() => number) | undefined;
};

export const createPace = ({ units, turn, isGone, clock = () => performance.now() }: PaceOptions): Pace => {
  const until = clock() + millisecondsFree + (units / 1_048_576) * millisecondsPerMebi;
  let left = units * stepsPerUnit + stepsFree;
  let since = 0;
  return (steps) => {
    left -= steps;
    since += steps;
    if (left < 0) fail(textTooCostly);
    if (since < stepsPerTurn) return undefined;
    since = 0;
    if (isGone?.() || clock() > until) fail(matchBusy, { retryAfter: 1 });
    return turn();
  };
};
