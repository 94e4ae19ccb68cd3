// Every order of submitting, answers of the registry, cancelling and erasing, against the use cases on a real database.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fenceAccount } from '@meridian/kit/account/fence.ts';
import { keyRing } from '@meridian/kit/crypto/key-ring.ts';
import { createDatabase, type Database } from '@meridian/kit/db/database.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import { errorCode } from '@meridian/kit/error-code.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createTestDatabase, type TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import fc from 'fast-check';
import { eraseAccount } from '../src/account/erase-account.ts';
import type { Schema } from '../src/db/schema.ts';
import { migrations } from '../src/migrations.ts';
import { decideSubmission } from '../src/personal/decide-submission.ts';
import type { VerificationDeps } from '../src/personal/deps.ts';
import { startSubmission } from '../src/personal/start-submission.ts';
import { findStanding } from '../src/personal/submission.store.ts';
import type { RegistryOutcome } from '../src/personal/submission.ts';
import { findVerification } from '../src/personal/verification.store.ts';
import { numberOf } from './world.ts';

const log = createLog({ service: 'verification', region: 'cn', level: 'silent' });
let database: TestDatabase;
let db: Database<Schema>;
let deps: VerificationDeps;
let approvals: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase({ migrate: (url) => migrate({ url, migrations, log }) });
  db = createDatabase<Schema>({ url: database.url, poolSize: 4, log, applicationName: 'test' });
  deps = {
    region: 'cn',
    now: () => new Date('2026-11-22T04:00:00Z'),
    publish: async (_, event, { accountId }) => {
      approvals.push(accountId);
      return event.type;
    },
    rules: {
      policy: 'required',
      before: ['recharge'],
      kinds: ['personal'],
      consentVersion: '1',
      provider: 'aliyun_id2',
      minimumAge: 18,
      accountsPerPerson: 3,
      attemptsPerDay: 2,
    },
    dataKeys: keyRing.parse(randomBytes(32).toString('base64')),
    blindIndexKey: 'a key of the blind index for this test',
  };
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

type Step =
  | { do: 'submit' }
  | { do: 'answer'; outcome: RegistryOutcome; attended: boolean; late: boolean }
  | { do: 'fence' }
  | { do: 'erase' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'submit' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      outcome: fc.constantFrom<RegistryOutcome>(
        'match',
        'mismatch',
        'not_found',
        'invalid_input',
        'provider_unavailable',
        'pending',
      ),
      attended: fc.boolean(),
      late: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'fence' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'erase' }) },
);

let people = 0;
const run = async (steps: Step[]) => {
  const accountId = newId('acc', 'cn', new Date());
  const sagaId = newId('sag', 'cn', new Date());
  people += 1;
  const person = { name: '张三', number: numberOf(people) };
  approvals = [];
  const ids: string[] = [];
  let [rank, fenced, erased, attempts] = [0, false, false, 0];
  for (const one of steps) {
    const standing = await findStanding(db.read, accountId);
    let refusal: string | undefined;
    try {
      if (one.do === 'submit')
        ids.push(await db.transaction((tx) => startSubmission(tx, deps, { accountId, person, consentVersion: '1' })));
      if (one.do === 'answer') {
        const submissionId = one.late ? ids[0] : ids.at(-1);
        if (submissionId)
          await db.transaction((tx) =>
            decideSubmission(tx, deps, { submissionId, accountId, outcome: one.outcome, attended: one.attended }),
          );
      }
      if (one.do === 'fence' || one.do === 'erase') {
        await db.transaction(async (tx) => {
          await fenceAccount(tx, { accountId, sagaId, now: deps.now() });
          if (one.do === 'erase') await eraseAccount(tx, deps, accountId);
        });
        fenced = true;
        erased ||= one.do === 'erase';
      }
    } catch (error) {
      refusal = errorCode(error);
      // Nothing but the declared refusals: no constraint of the database was what stopped it.
      expect(['account_cancelled', 'already_verified', 'verification_pending', 'verification_attempts_used']).toContain(
        refusal,
      );
    }
    if (fenced && one.do === 'submit') expect(refusal).toBe('account_cancelled');
    const after = await findVerification(db.read, accountId);
    const open = await db.read
      .selectFrom('submission')
      .select('state')
      .where('account_id', '=', accountId)
      .where('state', 'in', ['pending', 'manual_review'])
      .execute();
    expect(open.length).toBeLessThanOrEqual(1);
    if (erased) {
      expect(after).toBeUndefined();
      expect(
        await db.read.selectFrom('subject_slot').select('slot').where('account_id', '=', accountId).execute(),
      ).toEqual([]);
      continue;
    }
    expect(after?.rank ?? 0).toBeGreaterThanOrEqual(rank);
    rank = after?.rank ?? 0;
    if (rank > 0) expect(open).toEqual([]);
    expect(approvals.length).toBe(rank);
    // A failure returns to the state before: no rank, nothing open.
    const last = await findStanding(db.read, accountId);
    if (one.do === 'answer' && standing?.state === 'pending' && one.outcome === 'invalid_input' && !one.late && !fenced)
      expect(last).toBeUndefined();
    const [day] = await db.read
      .selectFrom('attempt_day')
      .select('attempts')
      .where('account_id', '=', accountId)
      .execute();
    const now = day?.attempts ?? 0;
    expect(now - attempts).toBe(
      now === attempts ? 0 : one.do === 'answer' && one.outcome === 'mismatch' ? 1 : Number.NaN,
    );
    expect(now).toBeLessThanOrEqual(deps.rules.attemptsPerDay);
    attempts = now;
  }
};

test('rank only grows, one open submission, only a mismatch counts, nothing survives an erasure', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), run), {
    numRuns: 60,
    endOnFailure: true,
  });
});
