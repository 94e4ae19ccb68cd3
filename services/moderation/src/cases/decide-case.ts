import { accountCancelled, notFound } from '@meridian/contracts/common.ts';
import { protectionLifted } from '@meridian/contracts/events/moderation.ts';
import { caseClosed, caseNotDecidable, secondPersonRequired } from '@meridian/contracts/moderation.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { sql } from 'kysely';
import { lockAccount } from '../account/account.store.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import { factsOf, findCase, setCase } from './case.store.ts';
import { type CaseRefusal, stepCase, type Verdict } from './case.ts';
import { sealCaseText } from './case-text.ts';
import { findProtectionOfCase, liftProtection } from './protection.store.ts';

const refuse = (refusal: CaseRefusal): never => {
  switch (refusal) {
    case 'second_person_required':
      return fail(secondPersonRequired, { detail: 'You decided this case before; somebody else must decide it now' });
    case 'case_not_decidable':
      return fail(caseNotDecidable, { detail: 'The case is upheld already and there is no open appeal' });
    default:
      return fail(caseClosed, { detail: 'The case is overturned or has ended; nothing is left to decide' });
  }
};

// Manual beats automatic: for a time the rules of the case, in these versions, cannot protect this account again. Fingerprints carry the
// version of their rule, so they are covered too.
const overrule = async (tx: Tx<Schema>, accountId: string, caseId: string, until: Date): Promise<void> => {
  await sql`insert into rule_override (account_id, rule_id, rule_version, case_id, expires_at)
    select ${accountId}, rule_id, rule_version, ${caseId}, ${until}::timestamptz from case_rule where case_id = ${caseId}
    on conflict (account_id, rule_id, rule_version)
    do update set case_id = excluded.case_id, expires_at = greatest(rule_override.expires_at, excluded.expires_at)`.execute(
    tx,
  );
  await tx.updateTable('strike').set({ counts: false }).where('case_id', '=', caseId).execute();
};

export type DecideCase = { caseId: string; staffId: string; verdict: Verdict; reason: string; overrideDays: number };

/**
 * A person's decision of a case, and of its open appeal with it. Overturning lifts the protection, reverses its strikes and publishes the
 * lifting in the same transaction. The decision with its reason is the audit record.
 */
export const decideCase = async (
  tx: Tx<Schema>,
  deps: ModerationDeps,
  { caseId, staffId, verdict, reason, overrideDays }: DecideCase,
): Promise<void> => {
  const found = await findCase(tx, caseId);
  if (!found) return fail(notFound, { detail: 'There is no such case' });
  const accountId = found.account_id;
  await assertNotFenced(tx, accountId).catch((error: unknown) => {
    if (errorCode(error) !== accountCancelled.code) throw error;
    fail(caseClosed, { detail: 'The account is cancelled; its cases end with it' });
  });
  await lockAccount(tx, accountId);
  const now = deps.now();
  const row = await findCase(tx, caseId);
  // An erasure in between gave the case another, pseudonymous account; what it was about is gone.
  if (row?.account_id !== accountId || row.key_wrapped === null) return refuse('case_closed');
  const { facts, appeal } = await factsOf(tx, row);
  const step = stepCase(facts, { do: 'decide', verdict, staffId });
  if (step.refused !== undefined) return refuse(step.refused);
  const decisionId = newId('dec', deps.region, now);
  const open = facts.appeal === 'open' ? appeal : undefined;
  await tx
    .insertInto('decision')
    .values({
      id: decisionId,
      case_id: caseId,
      appeal_id: open?.id ?? null,
      staff_id: staffId,
      decision: verdict,
      reason_sealed: sealCaseText(deps, row, 'decision', decisionId, reason),
      decided_at: now,
    })
    .execute();
  if (open)
    await tx
      .updateTable('appeal')
      .set({ status: verdict === 'uphold' ? 'upheld' : 'overturned', decided_at: now })
      .where('id', '=', open.id)
      .execute();
  await setCase(tx, caseId, { state: step.state, appealOpen: false, now });
  if (!step.lifts) return;
  await overrule(tx, accountId, caseId, new Date(now.getTime() + overrideDays * 86_400_000));
  const protection = await findProtectionOfCase(tx, caseId);
  const lifted = protection && (await liftProtection(tx, protection.id, 'overturned', now));
  if (lifted)
    await deps.publish(tx, protectionLifted, {
      accountId,
      data: { protectionId: lifted.id, caseId, reason: 'overturned' },
    });
};
