import type { Hit, scoreHits as scoreHitsEndpoint } from '@meridian/contracts/moderation.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { z } from 'zod';
import { lockAccount } from '../account/account.store.ts';
import { expireLocked } from '../cases/expire-protection.ts';
import { openProtection } from '../cases/open-protection.ts';
import { findUnlifted } from '../cases/protection.store.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import type { Policy } from '../rules/rule.ts';
import { findRules } from '../rules/rules.store.ts';
import { decideScore, type ScoredHit } from './score.ts';
import { findOverrides, insertStrikes, sumWindows, takeFresh } from './strikes.store.ts';

export type ScoreVerdict = z.input<(typeof scoreHitsEndpoint.answers)[200]>;

/**
 * Scores the hits of one request against the account. Each fingerprint counts once a day; shadow rules are recorded and never act. Crossing
 * a threshold, or one hit of the top severity, protects the account in this very transaction. A protected account stays with its case.
 */
export const scoreHits = async (
  tx: Tx<Schema>,
  deps: ModerationDeps,
  {
    accountId,
    requestId,
    hits,
    policy,
  }: { accountId: string; requestId: string; hits: readonly Hit[]; policy: Policy },
): Promise<ScoreVerdict> => {
  await assertNotFenced(tx, accountId);
  await lockAccount(tx, accountId);
  const now = deps.now();
  await expireLocked(tx, deps, accountId);
  const standing = await findUnlifted(tx, accountId);
  if (standing) return protectedVerdict(deps, { caseId: standing.case_id, until: standing.until_at });

  const rules = new Map((await findRules(tx, hits)).map((rule) => [`${rule.id}|${rule.version}`, rule]));
  const overrides = await findOverrides(tx, accountId, now);
  const distinct = new Map(hits.map((hit) => [hit.fingerprint, hit]));
  // A rule and version that never existed is a caller's mistake or an older database: it says nothing about the account.
  const known = [...distinct.values()].flatMap((hit) => {
    const key = `${hit.ruleId}|${hit.version}`;
    const rule = rules.get(key);
    return rule ? [{ hit, rule, overridden: overrides.has(key) }] : [];
  });
  if (known.length === 0) return { verdict: 'pass' };
  const fresh = await takeFresh(
    tx,
    accountId,
    known.map(({ hit }) => hit.fingerprint),
    now,
  );
  const strikes = known
    .filter(({ hit }) => fresh.has(hit.fingerprint))
    .map(({ hit, rule, overridden }) => ({ hit, rule, counts: rule.mode === 'live' && !overridden }));
  await insertStrikes(tx, { accountId, requestId, now }, strikes);
  const scored = known.map(
    ({ hit, rule, overridden }): ScoredHit => ({
      ruleId: rule.id,
      category: rule.category,
      severity: rule.severity,
      weight: rule.weight,
      live: rule.mode === 'live',
      fresh: fresh.has(hit.fingerprint),
      overridden,
    }),
  );
  const decision = decideScore(scored, await sumWindows(tx, accountId, policy.windows, now), policy);
  if (decision.protect)
    return protectedVerdict(deps, await openProtection(tx, deps, { accountId, category: decision.protect, policy }));
  return decision.refuse ? { verdict: 'refuse_request', category: decision.refuse } : { verdict: 'pass' };
};

const protectedVerdict = (deps: ModerationDeps, { caseId, until }: { caseId: string; until: Date }): ScoreVerdict => ({
  verdict: 'account_protected',
  caseId,
  until: until.toISOString(),
  appealUrl: deps.appealUrl,
});
