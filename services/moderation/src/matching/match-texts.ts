import type { Hit } from '@meridian/contracts/moderation.ts';
import type { LoadedRules } from '../rules/live-rules.ts';
import { type Rule, severities } from '../rules/rule.ts';
import { fingerprintOf } from './fingerprint.ts';
import { fold } from './fold.ts';
import type { Pace } from './pace.ts';

/** Most hits of an answer. */
export const mostHits = 200;
const limits = { perPattern: 8, total: 10_000 };
// What a text costs besides its units: memory and a scan are set up for it.
const stepsPerText = 256;

// What acts comes first, so that a cut list never loses it to what is only watched.
const rank = ({ mode, severity }: Rule) => (mode === 'live' ? 10 : 0) + severities.indexOf(severity);

/**
 * Matches texts against one rule set. Knows nothing of accounts; what leaves is rule, fingerprint and offset (in the text the hit is in),
 * never the text. At most `mostHits`, the weightiest first. Throws when the pace ends it.
 */
export const matchTexts = async (
  texts: readonly string[],
  rules: LoadedRules,
  fingerprintKey: string,
  pace: Pace,
): Promise<Hit[]> => {
  const hits: { rule: Rule; hit: Hit }[] = [];
  const times = new Map<number, number>();
  for (const text of texts) {
    await pace(stepsPerText);
    const folded = await fold(text, pace);
    for (const found of await rules.matcher.scan(folded, limits, pace)) {
      // A word said very often must not use up the room of the others, in one text or over many.
      const said = (times.get(found.pattern) ?? 0) + 1;
      times.set(found.pattern, said);
      if (said > limits.perPattern) continue;
      const rule = rules.rules[found.pattern] as Rule;
      const fingerprint = fingerprintOf(fingerprintKey, rule, folded, found);
      hits.push({
        rule,
        hit: { ruleId: rule.id, version: rule.version, fingerprint, offset: folded.offsets[found.start] ?? 0 },
      });
    }
  }
  // One fingerprint counts once anyway; told once it leaves room for others.
  const distinct = [...new Map(hits.map((one) => [one.hit.fingerprint, one])).values()];
  return distinct
    .sort((a, b) => rank(b.rule) - rank(a.rule))
    .slice(0, mostHits)
    .map(({ hit }) => hit);
};
