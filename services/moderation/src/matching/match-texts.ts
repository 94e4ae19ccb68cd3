import type { Hit } from '@meridian/contracts/moderation.ts';
import type { LoadedRules } from '../rules/live-rules.ts';
import { type Rule, severities } from '../rules/rule.ts';
import { fingerprintOf } from './fingerprint.ts';
import { fold } from './fold.ts';
import type { Pace } from './pace.ts';

/** Most hits of an answer. */
export const mostHits = 200;
/** Most fingerprints of a pattern in an answer. */
const mostPerPattern = 8;
// Places looked at in one text: many more than are told, since those with the same surroundings are told once.
const limits = { perPattern: 64, total: 65_536 };
// What a text costs besides its units: memory and a scan are set up for it, and a fingerprint is an HMAC.
const stepsPerText = 256;
const stepsPerFingerprint = 32;

// What acts comes first, so that a cut list never loses it to what is only watched.
const rank = ({ mode, severity }: Rule) => (mode === 'live' ? 10 : 0) + severities.indexOf(severity);

/**
 * Matches texts against one rule set. Knows nothing of accounts; what leaves is rule, fingerprint and offset (in the text the hit is in),
 * never the text. At most `mostHits`, the weightiest first and of these the newest: the last text is what is said now, the others were
 * there before. Throws when the pace ends it.
 */
export const matchTexts = async (
  texts: readonly string[],
  rules: LoadedRules,
  fingerprintKey: string,
  pace: Pace,
): Promise<Hit[]> => {
  // One fingerprint counts once anyway; told once it leaves room for others.
  const hits = new Map<string, { rule: Rule; hit: Hit }>();
  const told = new Map<number, number>();
  for (const text of texts.toReversed()) {
    await pace(stepsPerText);
    const folded = await fold(text, pace);
    for (const found of await rules.matcher.scan(folded, limits, pace)) {
      // A word said very often must not use up the room of the others, in one text or over many.
      const before = told.get(found.pattern) ?? 0;
      if (before >= mostPerPattern) continue;
      await pace(stepsPerFingerprint);
      const rule = rules.rules[found.pattern] as Rule;
      const fingerprint = fingerprintOf(fingerprintKey, rule, folded, found);
      if (hits.has(fingerprint)) continue;
      told.set(found.pattern, before + 1);
      const offset = folded.offsets[found.start] ?? 0;
      hits.set(fingerprint, { rule, hit: { ruleId: rule.id, version: rule.version, fingerprint, offset } });
    }
  }
  return [...hits.values()]
    .sort((a, b) => rank(b.rule) - rank(a.rule))
    .slice(0, mostHits)
    .map(({ hit }) => hit);
};
