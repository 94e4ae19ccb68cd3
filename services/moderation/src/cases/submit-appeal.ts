import { notFound } from '@meridian/contracts/common.ts';
import { appealOpen, caseClosed } from '@meridian/contracts/moderation.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { lockAccount } from '../account/account.store.ts';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import { factsOf, findCase, setCase } from './case.store.ts';
import { stepCase } from './case.ts';
import { sealCaseText } from './case-text.ts';

/** An appeal of the account against one of its own cases. A case of somebody else is not there at all. */
export const submitAppeal = async (
  tx: Tx<Schema>,
  deps: ModerationDeps,
  { accountId, caseId, text, reviewHours }: { accountId: string; caseId: string; text: string; reviewHours: number },
): Promise<{ appealId: string; dueAt: Date }> => {
  await assertNotFenced(tx, accountId);
  await lockAccount(tx, accountId);
  const now = deps.now();
  const row = await findCase(tx, caseId);
  if (!row || row.account_id !== accountId)
    return fail(notFound, { detail: 'This account has no such case; read /v1/moderation/protection' });
  const { facts } = await factsOf(tx, row);
  const step = stepCase(facts, { do: 'appeal' });
  if (step.refused === 'appeal_open')
    return fail(appealOpen, { detail: 'Wait for its decision: read /v1/moderation/protection' });
  if (step.refused !== undefined)
    return fail(caseClosed, { detail: 'This case was decided, or has ended by itself; it takes no appeal' });
  const appealId = newId('apl', deps.region, now);
  const dueAt = new Date(now.getTime() + reviewHours * 3_600_000);
  await tx
    .insertInto('appeal')
    .values({
      id: appealId,
      case_id: caseId,
      status: 'open',
      text_sealed: sealCaseText(deps, row, 'appeal', appealId, text),
      submitted_at: now,
      due_at: dueAt,
      decided_at: null,
    })
    .execute();
  // An undecided case keeps its earlier due time; a decided one gets the appeal's.
  const due = row.state === 'open' && row.due_at < dueAt ? row.due_at : dueAt;
  await setCase(tx, caseId, { state: step.state, appealOpen: true, dueAt: due, now });
  return { appealId, dueAt };
};
