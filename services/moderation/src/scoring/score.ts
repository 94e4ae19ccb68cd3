// What hits mean for an account: pure. A single hit acts only at the top severity; everything else is a sum over time.
import { type Policy, type Severity, severities } from '../rules/rule.ts';

export type ScoredHit = {
  readonly ruleId: string;
  readonly category: string;
  readonly severity: Severity;
  readonly weight: number;
  readonly live: boolean;
  /** Counted now for the first time within a day. */
  readonly fresh: boolean;
  /** A person has decided that this rule, in this version, does not protect this account for the time being. */
  readonly overridden: boolean;
};

export type ScoreDecision = {
  /** Category by which the account is to be protected. */
  readonly protect?: string;
  /** Category by which the request is refused. */
  readonly refuse?: string;
};

const worst = (hits: readonly ScoredHit[]): ScoredHit | undefined =>
  [...hits].sort((a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity) || b.weight - a.weight)[0];

/** `sums[i]` is the account's sum within `policy.windows[i]`, the fresh hits included. */
export const decideScore = (
  hits: readonly ScoredHit[],
  sums: readonly number[],
  policy: Pick<Policy, 'windows'>,
): ScoreDecision => {
  const live = hits.filter((hit) => hit.live);
  const refuse = worst(live.filter(({ severity }) => severity !== 'note'))?.category;
  // What counted before cannot protect again: a context sent anew is no new evidence.
  const counting = live.filter((hit) => hit.fresh && !hit.overridden);
  const crossed = policy.windows.some(({ threshold }, i) => (sums[i] ?? 0) >= threshold);
  const protect =
    crossed || counting.some(({ severity }) => severity === 'protect') ? worst(counting)?.category : undefined;
  return { ...(protect && { protect }), ...(refuse && { refuse }) };
};
