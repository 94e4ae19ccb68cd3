import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { AppealStatus, CaseFacts, CaseState } from './case.ts';

export type CaseRow = Selectable<Schema['moderation_case']>;
export type AppealRow = Selectable<Schema['appeal']>;
export type DecisionRow = Selectable<Schema['decision']>;
type Reader = Tx<Schema> | Kysely<Schema>;

export const findCase = (db: Reader, id: string): Promise<CaseRow | undefined> =>
  db.selectFrom('moderation_case').selectAll().where('id', '=', id).executeTakeFirst();

/** Cases that wait for a person, undecided or with an open appeal, for longer than they should. */
export const countOverdue = async (db: Reader, now: Date): Promise<number> => {
  const { count } = await db
    .selectFrom('moderation_case')
    .select(({ fn }) => fn.countAll<bigint>().as('count'))
    // Of the index by which reviewers find their work: an open appeal, or an undecided case.
    .where('urgency', 'in', [0, 1])
    .where('due_at', '<', now)
    .executeTakeFirstOrThrow();
  return Number(count);
};

export const findLatestCase = (db: Reader, accountId: string): Promise<CaseRow | undefined> =>
  db
    .selectFrom('moderation_case')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();

export const findAppeals = (db: Reader, caseIds: readonly string[]): Promise<AppealRow[]> =>
  caseIds.length === 0
    ? Promise.resolve([])
    : db.selectFrom('appeal').selectAll().where('case_id', 'in', caseIds).orderBy('submitted_at').execute();

export const findDecisions = (db: Reader, caseIds: readonly string[]): Promise<DecisionRow[]> =>
  caseIds.length === 0
    ? Promise.resolve([])
    : db.selectFrom('decision').selectAll().where('case_id', 'in', caseIds).orderBy('decided_at').execute();

/** What the transition table needs to know. Read it under the account's lock when something follows from it. */
export const factsOf = async (
  db: Reader,
  row: CaseRow,
): Promise<{ facts: CaseFacts; appeal: AppealRow | undefined }> => {
  const [appeals, decisions] = [await findAppeals(db, [row.id]), await findDecisions(db, [row.id])];
  const appeal = appeals.at(-1);
  const status: AppealStatus = appeal?.status ?? 'none';
  return { facts: { state: row.state, appeal: status, decidedBy: decisions.map((d) => d.staff_id) }, appeal };
};

export const setCase = async (
  tx: Tx<Schema>,
  id: string,
  next: { state: CaseState; appealOpen: boolean; dueAt?: Date; now: Date },
): Promise<void> => {
  await tx
    .updateTable('moderation_case')
    .set({
      state: next.state,
      appeal_open: next.appealOpen,
      closed_at: next.state === 'overturned' || next.state === 'expired' ? next.now : null,
      ...(next.dueAt && { due_at: next.dueAt }),
    })
    .where('id', '=', id)
    .execute();
};

/** Place in the list of work: the most urgent first, then by the time it is due. */
export type CasePosition = { urgency: number; dueAt: Date; id: string };
export type CaseFilter = { state?: CaseState; appealed?: boolean; accountId?: string };

export const listCaseRows = (
  db: Reader,
  filter: CaseFilter,
  after: CasePosition | undefined,
  limit: number,
): Promise<CaseRow[]> =>
  db
    .selectFrom('moderation_case')
    .selectAll()
    .$if(filter.state !== undefined, (q) => q.where('state', '=', filter.state as CaseState))
    .$if(filter.appealed !== undefined, (q) => q.where('appeal_open', '=', filter.appealed as boolean))
    .$if(filter.accountId !== undefined, (q) => q.where('account_id', '=', filter.accountId as string))
    .$if(after !== undefined, (q) =>
      q.where(sql<boolean>`(urgency, due_at, id) > (${after?.urgency}, ${after?.dueAt}, ${after?.id})`),
    )
    .orderBy('urgency')
    .orderBy('due_at')
    .orderBy('id')
    .limit(limit)
    .execute();
