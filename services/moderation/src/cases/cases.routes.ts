import { idOf, notFound } from '@meridian/contracts/common.ts';
import {
  decideCase as decideCaseEndpoint,
  getCase,
  getModerationStanding,
  getProtection,
  listCases,
  submitAppeal as submitAppealEndpoint,
} from '@meridian/contracts/moderation.ts';
import { instant, pageFrom, readCursor } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import { z } from 'zod';
import type { Schema } from '../db/schema.ts';
import type { ModerationDeps } from '../deps.ts';
import type { LiveRules } from '../rules/live-rules.ts';
import { findCase, listCaseRows } from './case.store.ts';
import { recordReading } from './case-reading.store.ts';
import { decideCase } from './decide-case.ts';
import { submitAppeal } from './submit-appeal.ts';
import { viewCases, viewProtection } from './view-case.ts';

/** The list of work goes by urgency, then by the time a case is due. */
const place = z.strictObject({ urgency: z.int().min(0).max(2), dueAt: instant, id: idOf('cas') });

export const caseRoutes = (platform: Platform<Schema>, deps: ModerationDeps, rules: LiveRules): void => {
  const { db, wall, publicServer, internalServer, log } = platform;

  const viewOne = async (caseId: string) => {
    const row = await findCase(db.read, caseId);
    const [view] = row ? await viewCases(db.read, deps, [row]) : [];
    return view ?? fail(notFound, { detail: 'There is no such case' });
  };

  const read = (staffId: string, caseIds: readonly string[]) =>
    db.transaction((tx) => recordReading(tx, { at: deps.now(), staffId, caseIds }));

  route(publicServer, getProtection, async ({ auth }) => ({
    status: 200,
    body: await viewProtection(db.read, deps, auth.accountId),
  }));

  route(publicServer, submitAppealEndpoint, async ({ auth: { accountId }, body: { caseId, text } }) => {
    wall(caseId);
    const { reviewHours } = rules.current().policy;
    const { appealId, dueAt } = await db.transaction((tx) =>
      submitAppeal(tx, deps, { accountId, caseId, text, reviewHours }),
    );
    return { status: 201, body: { appealId, caseId, status: 'open', dueAt: dueAt.toISOString() } };
  });

  route(publicServer, listCases, async ({ query, auth }) => {
    const { cursor, limit, state, appealed, accountId } = query;
    if (accountId) wall(accountId);
    const filter = { state, accountId, ...(appealed && { appealed: appealed === 'true' }) };
    const found = await listCaseRows(db.read, filter, readCursor(place, cursor), limit + 1);
    const { rows, next } = pageFrom(found, limit, place, ({ urgency, due_at: dueAt, id }) => ({ urgency, dueAt, id }));
    await read(
      auth.staffId,
      rows.map(({ id }) => id),
    );
    return { status: 200, body: { items: await viewCases(db.read, deps, rows), next } };
  });

  route(publicServer, getCase, async ({ params: { caseId }, auth }) => {
    wall(caseId);
    const body = await viewOne(caseId);
    await read(auth.staffId, [caseId]);
    return { status: 200, body };
  });

  route(publicServer, decideCaseEndpoint, async ({ params: { caseId }, body, auth: { staffId } }) => {
    wall(caseId);
    const { overrideDays } = rules.current().policy;
    await db.transaction((tx) =>
      decideCase(tx, deps, { caseId, staffId, verdict: body.decision, reason: body.reason, overrideDays }),
    );
    log.info({ staffId, caseId, decision: body.decision }, 'a case was decided');
    return { status: 200, body: await viewOne(caseId) };
  });

  route(internalServer, getModerationStanding, async ({ params: { accountId } }) => {
    wall(accountId);
    const open = await db.read
      .selectFrom('moderation_case')
      .select('id')
      .where('account_id', '=', accountId)
      .where(({ or, eb }) => or([eb('state', '=', 'open'), eb('appeal_open', '=', true)]))
      .limit(1)
      .executeTakeFirst();
    return { status: 200, body: { openCase: open !== undefined } };
  });
};
