// Rules as an operator writes them, and as they are kept: every change is a new version, nothing is overwritten.
import type { Boundary } from '../matching/matcher.ts';

/** note: counts. block: refuses the request too. protect: a single hit protects the account. */
export const severities = ['note', 'block', 'protect'] as const;
export type Severity = (typeof severities)[number];

/** shadow: recorded, never acts. live: acts. */
export type Mode = 'shadow' | 'live';

export type RuleText = {
  readonly id: string;
  readonly pattern: string;
  readonly category: string;
  readonly severity: Severity;
  readonly weight: number;
  readonly mode: Mode;
  readonly boundary: Boundary;
};
export type Rule = RuleText & { readonly version: number };

export type Policy = {
  /** An account is protected when the sum of its weights within `seconds` reaches `threshold`. */
  readonly windows: readonly { readonly seconds: number; readonly threshold: number }[];
  readonly protectionHours: number;
  /** Time for the review of a case, and for the decision of an appeal. */
  readonly reviewHours: number;
  /** How long after an overturned case its rules, in these versions, cannot protect the account again. */
  readonly overrideDays: number;
};

export type RuleSet = { readonly version: number; readonly policy: Policy; readonly rules: readonly Rule[] };

const sameText = (a: RuleText, b: RuleText) =>
  a.pattern === b.pattern &&
  a.category === b.category &&
  a.severity === b.severity &&
  a.weight === b.weight &&
  a.mode === b.mode &&
  a.boundary === b.boundary;

/**
 * The rules of the next set: an unchanged rule keeps its version, a changed or new one gets the next of its id. `newest` knows the newest
 * version of every id ever kept, so that a version is never used twice.
 */
export const nextRules = (
  written: readonly RuleText[],
  current: readonly Rule[],
  newest: ReadonlyMap<string, number>,
): Rule[] => {
  const kept = new Map(current.map((rule) => [rule.id, rule]));
  return written.map((text) => {
    const before = kept.get(text.id);
    return before && sameText(before, text) ? before : { ...text, version: (newest.get(text.id) ?? 0) + 1 };
  });
};
