// Random sequences of everything that moves a balance, some of it at once. What must hold after each of them:
// every balance is the sum of its postings, held is the sum of the open holds, and no call is charged twice.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { errorCode } from '@meridian/kit/error-code.ts';
import fc from 'fast-check';
import { sql } from 'kysely';
import { createHold } from '../src/usage/create-hold.ts';
import { expireHold } from '../src/usage/expire-hold.ts';
import { extendHold } from '../src/usage/extend-hold.ts';
import { releaseHold } from '../src/usage/release-hold.ts';
import { settleHold } from '../src/usage/settle-hold.ts';
import { type BillingDatabase, openBillingDatabase } from './support/billing-database.ts';

let billing: BillingDatabase;
beforeAll(async () => {
  billing = await openBillingDatabase();
});
afterAll(() => billing.close());

const slots = 4;
const slot = fc.integer({ min: 0, max: slots - 1 });
const tokens = fc.integer({ min: 0, max: 60 });
const step = fc.oneof(
  fc.record({ do: fc.constant('hold' as const), slot, prompt: tokens, window: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    do: fc.constant('extend' as const),
    slot,
    prompt: tokens,
    completion: tokens,
    window: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({ do: fc.constant('settle' as const), slot, prompt: tokens, completion: tokens }),
  fc.record({ do: fc.constant('release' as const), slot }),
  fc.record({ do: fc.constant('expire' as const), slot }),
  fc.record({ do: fc.constant('recharge' as const), amount: fc.integer({ min: 1, max: 200 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Refusals that a random sequence may meet; anything else is a failure. */
const refusals = new Set(['insufficient_balance', 'hold_not_open', 'not_found', 'request_mismatch']);

const perform = (accountId: string, requests: readonly string[], one: Step): Promise<unknown> => {
  if (one.do === 'recharge') return billing.credit(accountId, BigInt(one.amount));
  const requestId = requests[one.slot] ?? '';
  return billing.run(async (tx): Promise<unknown> => {
    const { deps } = billing;
    if (one.do === 'hold')
      return createHold(tx, deps, {
        requestId,
        accountId,
        keyId: 'key',
        model: 'test',
        promptTokensBound: one.prompt,
        completionWindow: one.window,
      });
    if (one.do === 'extend') {
      const soFar = { promptTokens: one.prompt, cachedTokens: 0, completionTokens: one.completion };
      return extendHold(tx, deps, { requestId, soFar, completionWindow: one.window });
    }
    if (one.do === 'settle') {
      const usage = { promptTokens: one.prompt, cachedTokens: 0, completionTokens: one.completion };
      return settleHold(tx, deps, { requestId, usage, outcome: 'completed' });
    }
    return one.do === 'release' ? releaseHold(tx, deps, requestId) : expireHold(tx, deps, requestId);
  });
};

const tolerate = async (work: Promise<unknown>) => {
  try {
    await work;
  } catch (error) {
    if (!refusals.has(errorCode(error) ?? '')) throw error;
  }
};

const assertInvariants = async (accountId: string, requests: readonly string[]) => {
  expect(await billing.unproven()).toEqual([]);
  const { rows } = await sql<{ kind: string; n: bigint }>`
    select kind, count(*) as n from ledger_transaction where source_type = 'usage' and source_id = any(${requests})
    group by source_id, kind having count(*) > 1`.execute(billing.db.read);
  expect(rows).toEqual([]);
  // What was charged in all is what left the account, and the charges say the same.
  const { rows: sums } = await sql<{ posted: bigint; charged: bigint; shown: bigint }>`
    select
      (select coalesce(-sum(e.amount), 0)::bigint from ledger_entry e join ledger_transaction t on t.id = e.transaction_id
       join ledger_account a on a.id = e.ledger_account_id where t.source_type = 'usage' and a.owner = ${accountId}) as posted,
      (select coalesce(sum(charged), 0)::bigint from hold where account_id = ${accountId}) as charged,
      (select coalesce(sum(amount), 0)::bigint from charge where account_id = ${accountId}) as shown`.execute(
    billing.db.read,
  );
  expect(sums[0]?.charged).toBe(sums[0]?.posted);
  expect(sums[0]?.shown).toBe(sums[0]?.posted);
  // Crossings alternate, beginning with the first money.
  const events = await billing.events(accountId);
  events.forEach((type, i) => {
    expect(type).toBe(i % 2 === 0 ? 'balance-restored.v1' : 'balance-exhausted.v1');
  });
  const { available, held } = await billing.balance(accountId);
  if (available + held > 0n) expect(events.length % 2).toBe(1);
  else expect(events.length % 2).toBe(0);
};

test('one after the other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const accountId = billing.newAccount();
      const requests = Array.from({ length: slots }, () => billing.newRequest());
      await billing.credit(accountId, 150n);
      for (const one of steps) {
        // Time passes between them, so that some holds are overdue when they are swept.
        if (one.do === 'expire') billing.moveClock(6 * 60_000);
        await tolerate(perform(accountId, requests, one));
      }
      await assertInvariants(accountId, requests);
    }),
    { numRuns: 40, seed: 20261122 },
  );
}, 120_000);

test('all at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 16 }), async (steps) => {
      const accountId = billing.newAccount();
      const requests = Array.from({ length: slots }, () => billing.newRequest());
      await billing.credit(accountId, 150n);
      await Promise.all(
        requests.map((_, i) => tolerate(perform(accountId, requests, { do: 'hold', slot: i, prompt: 10, window: 10 }))),
      );
      billing.moveClock(11 * 60_000);
      await Promise.all(steps.map((one) => tolerate(perform(accountId, requests, one))));
      await assertInvariants(accountId, requests);
    }),
    { numRuns: 40, seed: 20261122 },
  );
}, 120_000);
