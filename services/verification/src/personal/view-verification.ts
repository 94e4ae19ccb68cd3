import type { verificationState } from '@meridian/contracts/verification.ts';
import type { Kysely } from 'kysely';
import type { z } from 'zod';
import type { Schema } from '../db/schema.ts';
import type { VerificationDeps } from './deps.ts';
import { registerDay } from './identity-number.ts';
import { mask } from './person.ts';
import { findSubjectKey } from './subject-key.store.ts';
import { findStanding, openPerson } from './submission.store.ts';
import { findAttempts, findVerification } from './verification.store.ts';

export type VerificationView = z.input<typeof verificationState>;

/** In a region that asks for no real name everybody may pay. */
export const notRequiredView: VerificationView = {
  status: 'not_required',
  allowsPayment: true,
  masked: null,
  verifiedAt: null,
  attemptsLeftToday: 0,
};

const statusOf = (rank: number, state: string | undefined): VerificationView['status'] => {
  if (rank === 2) return 'enterprise';
  if (rank === 1) return 'personal';
  return state === 'pending' || state === 'manual_review' ? state : 'none';
};

/** How the account is verified, with the person masked. */
export const viewVerification = async (
  db: Kysely<Schema>,
  deps: VerificationDeps,
  accountId: string,
): Promise<VerificationView> => {
  const [verification, standing, key, attempts] = await Promise.all([
    findVerification(db, accountId),
    findStanding(db, accountId),
    findSubjectKey(db, deps, accountId),
    findAttempts(db, accountId, registerDay(deps.now())),
  ]);
  const person = standing && key.state === 'active' ? openPerson(key.dataKey, deps.region, standing) : undefined;
  const rank = verification?.rank ?? 0;
  return {
    status: statusOf(rank, standing?.state),
    allowsPayment: rank > 0,
    masked: person ? mask(person) : null,
    verifiedAt: verification?.verified_at?.toISOString() ?? null,
    attemptsLeftToday: Math.max(0, deps.rules.attemptsPerDay - attempts.attempts),
  };
};
