import type { caseView, protectionView } from '@meridian/contracts/moderation.ts';
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import { type CaseRow, findAppeals, findDecisions, findLatestCase } from './case.store.ts';
import { openCaseText } from './case-text.ts';
import { findProtectionOfCase } from './protection.store.ts';

export type CaseView = z.input<typeof caseView>;

const groupBy = <T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
};

const findCaseRules = (db: Kysely<Schema>, ids: readonly string[]) =>
  db
    .selectFrom('case_rule')
    .innerJoin('rule', (join) =>
      join.onRef('rule.id', '=', 'case_rule.rule_id').onRef('rule.version', '=', 'case_rule.rule_version'),
    )
    .select(['case_rule.case_id', 'rule.id', 'rule.version', 'rule.pattern'])
    .where('case_rule.case_id', 'in', ids)
    .orderBy('rule.id')
    .execute();

/** Cases as staff see them: with the words of the rules and what was written. Four queries, however many cases. */
export const viewCases = async (
  db: Kysely<Schema>,
  deps: ModerationDeps,
  rows: readonly CaseRow[],
): Promise<CaseView[]> => {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const [rules, appeals, decisions, protections] = await Promise.all([
    findCaseRules(db, ids),
    findAppeals(db, ids),
    findDecisions(db, ids),
    db.selectFrom('protection').select(['case_id', 'until_at']).where('case_id', 'in', ids).execute(),
  ]);
  const rulesOf = groupBy(rules, (r) => r.case_id);
  const decisionsOf = groupBy(decisions, (d) => d.case_id);
  const appealOf = new Map(appeals.map((a) => [a.case_id, a]));
  const untilOf = new Map(protections.map((p) => [p.case_id, p.until_at]));
  return rows.map((row) => {
    const appeal = appealOf.get(row.id);
    return {
      caseId: row.id,
      accountId: row.account_id,
      state: row.state,
      category: row.category,
      rules: (rulesOf.get(row.id) ?? []).map(({ id, version, pattern }) => ({ ruleId: id, version, pattern })),
      openedAt: row.opened_at.toISOString(),
      dueAt: row.due_at.toISOString(),
      protectedUntil: (untilOf.get(row.id) ?? row.opened_at).toISOString(),
      decisions: (decisionsOf.get(row.id) ?? []).map((d) => ({
        staffId: d.staff_id,
        decision: d.decision,
        reason: openCaseText(deps, row, 'decision', d.id, d.reason_sealed),
        at: d.decided_at.toISOString(),
      })),
      appeal: appeal
        ? {
            appealId: appeal.id,
            text: openCaseText(deps, row, 'appeal', appeal.id, appeal.text_sealed),
            submittedAt: appeal.submitted_at.toISOString(),
            status: appeal.status,
          }
        : null,
    };
  });
};

/** The words of the help centre for an account under protection. */
const protectedMessage = 'the account has abnormal usage behavior';

/** The account's own view: its newest case, never a word. The end time counts, whether or not the worker has been there. */
export const viewProtection = async (
  db: Kysely<Schema>,
  deps: ModerationDeps,
  accountId: string,
): Promise<z.input<typeof protectionView>> => {
  const row = await findLatestCase(db, accountId);
  if (!row)
    return {
      protected: false,
      message: null,
      caseId: null,
      until: null,
      category: null,
      appeal: null,
      appealUrl: deps.appealUrl,
    };
  const [protection, [appeal]] = await Promise.all([
    findProtectionOfCase(db, row.id),
    findAppeals(db, [row.id]).then((all) => all.slice(-1)),
  ]);
  const active = protection !== undefined && protection.lifted_at === null && protection.until_at > deps.now();
  return {
    protected: active,
    message: active ? protectedMessage : null,
    caseId: row.id,
    until: active ? protection.until_at.toISOString() : null,
    category: row.category,
    appeal: { status: appeal?.status ?? 'none', submittedAt: appeal?.submitted_at.toISOString() ?? null },
    appealUrl: deps.appealUrl,
  };
};
