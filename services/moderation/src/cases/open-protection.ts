import { accountProtected } from '@meridian/contracts/events/moderation.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import { sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import type { Policy } from '../rules/rule.ts';
import { newCaseKey } from './case-text.ts';

const hours = (from: Date, n: number) => new Date(from.getTime() + n * 3_600_000);

/**
 * Protects the account until an end time, with a case and its evidence, and publishes it: one transaction, so that none of them is ever
 * there without the others. The strikes that led here are evidence of this case and count for no later one. Under the account's lock.
 */
export const openProtection = async (
  tx: Tx<Schema>,
  deps: ModerationDeps,
  { accountId, category, policy }: { accountId: string; category: string; policy: Policy },
): Promise<{ caseId: string; until: Date }> => {
  const now = deps.now();
  const [caseId, protectionId] = [newId('cas', deps.region, now), newId('prt', deps.region, now)];
  const until = hours(now, policy.protectionHours);
  await tx
    .insertInto('moderation_case')
    .values({
      id: caseId,
      account_id: accountId,
      state: 'open',
      category,
      opened_at: now,
      due_at: hours(now, policy.reviewHours),
      closed_at: null,
      appeal_open: false,
      ...newCaseKey(deps, caseId),
    })
    .execute();
  await tx
    .insertInto('protection')
    .values({
      id: protectionId,
      account_id: accountId,
      case_id: caseId,
      from_at: now,
      until_at: until,
      lifted_at: null,
      lift_reason: null,
    })
    .execute();
  const longest = Math.max(...policy.windows.map(({ seconds }) => seconds));
  await sql`with evidence as (
      update strike set case_id = ${caseId}
      where account_id = ${accountId} and counts and case_id is null and counted_at > ${new Date(now.getTime() - longest * 1_000)}
      returning rule_id, rule_version)
    insert into case_rule (case_id, rule_id, rule_version) select distinct ${caseId}, rule_id, rule_version from evidence`.execute(
    tx,
  );
  await deps.publish(tx, accountProtected, {
    accountId,
    data: { protectionId, caseId, until: until.toISOString() },
  });
  return { caseId, until };
};
