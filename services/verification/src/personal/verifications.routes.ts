import {
  getVerification,
  getVerificationStanding,
  matchRealName,
  realNameNotOffered,
  submitPersonalVerification,
} from '@meridian/contracts/verification.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { Platform } from '@meridian/kit/run/platform.ts';
import type { Schema } from '../db/schema.ts';
import { matchPerson } from './match-person.ts';
import { type SubmissionFlow, submitPerson } from './submit-person.ts';
import { findVerification } from './verification.store.ts';
import { notRequiredView, viewVerification } from './view-verification.ts';

/** `flow` is absent in a region that asks for no real name. */
export const verificationRoutes = (platform: Platform<Schema>, flow: SubmissionFlow | undefined): void => {
  const viewOf = (accountId: string) =>
    flow ? viewVerification(platform.db.read, flow, accountId) : Promise.resolve(notRequiredView);

  route(platform.publicServer, getVerification, async ({ auth }) => ({
    status: 200,
    body: await viewOf(auth.accountId),
  }));

  // The registry is asked outside of any transaction, so the answer is stored after it, not with it: a retry after a crash in between
  // finds the submission that the sweeper drives on (409 verification_pending, then 409 already_verified).
  route(platform.publicServer, submitPersonalVerification, async ({ auth, body }) => {
    if (!flow) return fail(realNameNotOffered, { detail: 'Nothing needs to be verified here: the account may pay' });
    const status = await submitPerson(flow, { accountId: auth.accountId, ...body });
    return { status, body: await viewOf(auth.accountId) };
  });

  route(platform.internalServer, getVerificationStanding, async ({ params: { accountId } }) => {
    platform.wall(accountId);
    const rank = (await findVerification(platform.db.read, accountId))?.rank ?? 0;
    return {
      status: 200,
      body: { accountId, verified: rank > 0, kind: rank === 0 ? null : rank === 1 ? 'personal' : 'enterprise' },
    };
  });

  route(platform.internalServer, matchRealName, async ({ body }) => {
    platform.wall(body.accountId);
    return { status: 200, body: { match: flow ? await matchPerson(flow, body) : false } };
  });
};
