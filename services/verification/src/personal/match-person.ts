// Whether somebody is the person an account was verified with. The same work for an account that nobody knows; the try is counted first.
import { timingSafeEqual } from 'node:crypto';
import { verificationAttemptsUsed } from '@meridian/contracts/verification.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { blindIndex } from './blind-index.ts';
import { nextRegisterDay, registerDay } from './identity-number.ts';
import { countTry } from './match-try.store.ts';
import { normaliseName } from './person.ts';
import { findSubjectKey } from './subject-key.store.ts';
import { findStanding, openPerson } from './submission.store.ts';
import type { SubmissionFlow } from './submit-person.ts';

const triesPerDay = 10;

export const matchPerson = async (
  flow: SubmissionFlow,
  { accountId, askedAs, name, number }: { accountId: string; askedAs: string; name: string; number: string },
): Promise<boolean> => {
  const now = flow.now();
  const day = registerDay(now);
  const tries = await flow.db.transaction((tx) => countTry(tx, askedAs, day));
  if (tries > triesPerDay)
    return fail(verificationAttemptsUsed, {
      detail: 'Too many questions under one name; ask again tomorrow (UTC+8)',
      retryAfter: Math.ceil((nextRegisterDay(now).getTime() - now.getTime()) / 1_000),
    });
  const [standing, key] = await Promise.all([
    findStanding(flow.db.read, accountId),
    findSubjectKey(flow.db.read, flow, accountId),
  ]);
  const person =
    standing?.state === 'approved' && key.state === 'active'
      ? openPerson(key.dataKey, flow.region, standing)
      : undefined;
  // Keyed hashes have one length whatever was typed, so they compare in constant time.
  const keyed = (given: { name: string; number: string }) =>
    blindIndex(flow.blindIndexKey, flow.region, `${given.number}|${given.name}`);
  const typed = keyed({ name: normaliseName(name), number: number.toUpperCase() });
  const right = timingSafeEqual(typed, keyed(person ?? { name: '', number: '' }));
  return person !== undefined && right;
};
