import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fenceAccount } from '@meridian/kit/account/fence.ts';
import { newId } from '@meridian/kit/ids.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { sql } from 'kysely';
import type { BillingTx } from '../src/deps.ts';
import { lockBalance } from '../src/ledger/ledger.store.ts';
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

/** Prices of the test model: prompt 1, completion 2 nano-units per token. */
const hold = (accountId: string, requestId: string, promptTokensBound = 10, completionWindow = 20) =>
  billing.run((tx) =>
    createHold(tx, billing.deps, {
      requestId,
      accountId,
      keyId: `key_cn_${'0'.repeat(26)}`,
      model: 'test',
      promptTokensBound,
      completionWindow,
    }),
  );
const usage = (promptTokens: number, completionTokens: number, cachedTokens = 0) => ({
  promptTokens,
  cachedTokens,
  completionTokens,
});
const settle = (
  requestId: string,
  used: ReturnType<typeof usage>,
  outcome: 'completed' | 'interrupted' = 'completed',
) => billing.run((tx) => settleHold(tx, billing.deps, { requestId, usage: used, outcome }));
const extend = (requestId: string, soFar: ReturnType<typeof usage>, completionWindow = 20) =>
  billing.run((tx) => extendHold(tx, billing.deps, { requestId, soFar, completionWindow }));
const release = (requestId: string) => billing.run((tx) => releaseHold(tx, billing.deps, requestId));
const expire = (requestId: string) => billing.run((tx) => expireHold(tx, billing.deps, requestId));
const pastDeadline = 10 * 60_000 + 1;

const funded = async (amount: bigint) => {
  const accountId = billing.newAccount();
  await billing.credit(accountId, amount);
  return accountId;
};
const postings = async (requestId: string) => {
  const { rows } = await sql<{ kind: string; amount: bigint }>`
    select t.kind, e.amount from ledger_transaction t join ledger_entry e on e.transaction_id = t.id
    join ledger_account a on a.id = e.ledger_account_id and a.kind = 'user_cash'
    where t.source_type = 'usage' and t.source_id = ${requestId} order by t.id`.execute(billing.db.read);
  return rows;
};

/** What is booked for a call in all, per kind of account. */
const sums = async (requestId: string) => {
  const { rows } = await sql<{ account: string; amount: bigint }>`
    select a.kind as account, sum(e.amount)::bigint as amount from ledger_transaction t
    join ledger_entry e on e.transaction_id = t.id join ledger_account a on a.id = e.ledger_account_id
    where t.source_type = 'usage' and t.source_id = ${requestId} group by a.kind order by a.kind`.execute(
    billing.db.read,
  );
  return rows;
};

describe('createHold', () => {
  test('moves the bound of prompt and window from available to held', async () => {
    const accountId = await funded(1000n);
    expect((await hold(accountId, billing.newRequest())).held).toBe(50n);
    expect(await billing.balance(accountId)).toEqual({ available: 950n, held: 50n });
  });

  test('50 at once against a balance that fits 4: exactly 4 pass, nothing is overdrawn', async () => {
    const accountId = await funded(249n);
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => hold(accountId, billing.newRequest())));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(4);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'insufficient_balance' });
    expect(await billing.balance(accountId)).toEqual({ available: 49n, held: 200n });
  });

  test('the same request again, also at once, reserves once', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    const answers = await Promise.all(Array.from({ length: 8 }, () => hold(accountId, requestId)));
    expect(new Set(answers.map((a) => a.held))).toEqual(new Set([50n]));
    expect(await billing.balance(accountId)).toEqual({ available: 950n, held: 50n });
    await expect(hold(accountId, requestId, 11)).rejects.toMatchObject({ code: 'request_mismatch' });
    await expect(hold(await funded(1000n), requestId)).rejects.toMatchObject({ code: 'request_mismatch' });
  });

  test('an account without money, an unknown model, a used request id', async () => {
    await expect(hold(billing.newAccount(), billing.newRequest())).rejects.toMatchObject({
      code: 'insufficient_balance',
    });
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    await settle(requestId, usage(1, 1));
    await expect(hold(accountId, requestId)).rejects.toMatchObject({ code: 'request_mismatch' });
    const unknown = {
      requestId: billing.newRequest(),
      accountId,
      keyId: 'key',
      model: 'none',
      promptTokensBound: 1,
      completionWindow: 1,
    };
    await expect(billing.run((tx) => createHold(tx, billing.deps, unknown))).rejects.toMatchObject({
      code: 'model_unknown',
    });
  });

  test('a refused hold leaves nothing behind', async () => {
    const accountId = await funded(10n);
    const requestId = billing.newRequest();
    await expect(hold(accountId, requestId)).rejects.toMatchObject({ code: 'insufficient_balance' });
    await billing.credit(accountId, 40n);
    expect((await hold(accountId, requestId)).held).toBe(50n);
  });
});

describe('settleHold', () => {
  test('charges what was used, releases the rest, and writes the charge', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    expect(await settle(requestId, usage(8, 5, 4))).toEqual({ amount: 16n, balance: { available: 984n, held: 0n } });
    expect(await postings(requestId)).toEqual([{ kind: 'charge', amount: -16n }]);
    const charge = await billing.db.read
      .selectFrom('charge')
      .selectAll()
      .where('request_id', '=', requestId)
      .executeTakeFirst();
    expect(charge).toMatchObject({
      account_id: accountId,
      amount: 16n,
      prompt_tokens: 8,
      cached_tokens: 4,
      completion_tokens: 5,
      price_version: 1,
      outcome: 'completed',
      currency: 'CNY',
    });
  });

  test('repeated and raced, charges once and answers the same amount; other figures are refused', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    const answers = await Promise.all(Array.from({ length: 8 }, () => settle(requestId, usage(10, 20))));
    expect(new Set(answers.map((a) => a.amount))).toEqual(new Set([50n]));
    expect(await billing.balance(accountId)).toEqual({ available: 950n, held: 0n });
    await expect(settle(requestId, usage(10, 19))).rejects.toMatchObject({ code: 'request_mismatch' });
    await expect(settle(requestId, usage(10, 20), 'interrupted')).rejects.toMatchObject({ code: 'request_mismatch' });
    expect(await postings(requestId)).toHaveLength(1);
  });

  test('of nothing posts nothing, but is a charge of zero', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    expect((await settle(requestId, usage(0, 0))).amount).toBe(0n);
    expect(await postings(requestId)).toEqual([]);
    expect(await billing.balance(accountId)).toEqual({ available: 1000n, held: 0n });
  });

  test('an overrun becomes arrears of at most one window, and the next recharge covers them first', async () => {
    const accountId = await funded(50n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    // 10 + 2 * 60 = 130: 50 held, a window is worth 40, so 40 are written off.
    expect((await settle(requestId, usage(10, 60))).amount).toBe(90n);
    expect(await billing.balance(accountId)).toEqual({ available: -40n, held: 0n });
    await expect(hold(accountId, billing.newRequest(), 0, 1)).rejects.toMatchObject({ code: 'insufficient_balance' });
    await billing.credit(accountId, 60n);
    expect(await billing.balance(accountId)).toEqual({ available: 20n, held: 0n });
    expect(await billing.events(accountId)).toEqual([
      'balance-restored.v1',
      'balance-exhausted.v1',
      'balance-restored.v1',
    ]);
    expect(await billing.unproven()).toEqual([]);
  });

  test('knows no unknown request', async () => {
    await expect(settle(billing.newRequest(), usage(1, 1))).rejects.toMatchObject({ code: 'not_found' });
  });
});

test('a crossing is published once, whatever ends at the same time', async () => {
  const accountId = await funded(400n);
  const requests = Array.from({ length: 8 }, () => billing.newRequest());
  await Promise.all(requests.map((id) => hold(accountId, id)));
  expect(await billing.balance(accountId)).toEqual({ available: 0n, held: 400n });
  // Reserving everything is no crossing: the money is still the user's.
  expect(await billing.events(accountId)).toEqual(['balance-restored.v1']);
  await Promise.all(requests.map((id) => settle(id, usage(10, 20))));
  expect(await billing.events(accountId)).toEqual(['balance-restored.v1', 'balance-exhausted.v1']);
  await Promise.all([billing.credit(accountId, 5n), billing.credit(accountId, 5n)]);
  expect(await billing.events(accountId)).toEqual([
    'balance-restored.v1',
    'balance-exhausted.v1',
    'balance-restored.v1',
  ]);
});

describe('extendHold', () => {
  test('reserves up to what was delivered plus one window; a repeat reserves nothing more', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    for (let i = 0; i < 2; i += 1)
      expect(await extend(requestId, usage(10, 20))).toMatchObject({ kind: 'extended', held: 90n });
    expect(await billing.balance(accountId)).toEqual({ available: 910n, held: 90n });
    // A prompt below its bound leaves room for output.
    expect(await extend(requestId, usage(1, 21))).toMatchObject({ kind: 'extended', held: 90n });
    expect((await settle(requestId, usage(10, 30))).balance).toEqual({ available: 930n, held: 0n });
  });

  test('prolongs the deadline', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    const first = await hold(accountId, requestId);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const extended = await extend(requestId, usage(10, 1));
    expect(extended.kind === 'extended' && extended.deadline.getTime() > first.deadline.getTime()).toBe(true);
  });

  test('is refused without money, but the report is kept and charged when the call is never settled', async () => {
    const accountId = await funded(60n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    expect(await extend(requestId, usage(10, 20))).toMatchObject({
      kind: 'refused',
      problem: { code: 'insufficient_balance' },
    });
    expect(await billing.balance(accountId)).toEqual({ available: 10n, held: 50n });
    billing.moveClock(pastDeadline);
    expect(await expire(requestId)).toBe(true);
    expect(await billing.balance(accountId)).toEqual({ available: 10n, held: 0n });
  });

  test('of a closed hold is refused', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    await release(requestId);
    await expect(extend(requestId, usage(1, 1))).rejects.toMatchObject({ code: 'hold_not_open' });
    await expect(extend(billing.newRequest(), usage(1, 1))).rejects.toMatchObject({ code: 'not_found' });
  });
});

test('releaseHold gives everything back, once', async () => {
  const accountId = await funded(100n);
  const requestId = billing.newRequest();
  await hold(accountId, requestId);
  await Promise.all([release(requestId), release(requestId), release(requestId)]);
  expect(await billing.balance(accountId)).toEqual({ available: 100n, held: 0n });
  await expect(settle(requestId, usage(1, 1))).rejects.toMatchObject({ code: 'request_mismatch' });
  const settled = billing.newRequest();
  await hold(accountId, settled);
  await settle(settled, usage(1, 1));
  await expect(release(settled)).rejects.toMatchObject({ code: 'hold_not_open' });
});

describe('an expired hold', () => {
  test('is not closed before its deadline', async () => {
    const requestId = billing.newRequest();
    await hold(await funded(100n), requestId);
    expect(await expire(requestId)).toBe(false);
  });

  test('charges the last report and releases the rest, once, whoever sweeps', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    await extend(requestId, usage(10, 15));
    await extend(requestId, usage(10, 5));
    billing.moveClock(pastDeadline);
    const swept = await Promise.all(Array.from({ length: 6 }, () => expire(requestId)));
    expect(swept.filter(Boolean)).toHaveLength(1);
    expect(await postings(requestId)).toEqual([{ kind: 'charge_expired', amount: -40n }]);
    expect(await billing.balance(accountId)).toEqual({ available: 960n, held: 0n });
  });

  test('is one that is still open: what was settled, released or expired before stays as it is', async () => {
    const accountId = await funded(1000n);
    const [settled, released, expired] = [billing.newRequest(), billing.newRequest(), billing.newRequest()];
    for (const requestId of [settled, released, expired]) {
      await hold(accountId, requestId);
      await extend(requestId, usage(10, 5));
    }
    await settle(settled, usage(10, 10));
    await release(released);
    billing.moveClock(pastDeadline);
    expect(await expire(expired)).toBe(true);
    for (const requestId of [settled, released, expired]) expect(await expire(requestId)).toBe(false);
    expect(await billing.balance(accountId)).toEqual({ available: 950n, held: 0n });
  });

  test('without a report charges nothing', async () => {
    const accountId = await funded(100n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    billing.moveClock(pastDeadline);
    expect(await expire(requestId)).toBe(true);
    expect(await billing.balance(accountId)).toEqual({ available: 100n, held: 0n });
    expect(await postings(requestId)).toEqual([]);
  });

  test('settled late books the difference as an entry of its own, once', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    await extend(requestId, usage(10, 15));
    billing.moveClock(pastDeadline);
    await expire(requestId);
    for (let i = 0; i < 2; i += 1) expect((await settle(requestId, usage(10, 25))).amount).toBe(60n);
    expect(await postings(requestId)).toEqual([
      { kind: 'charge_expired', amount: -40n },
      { kind: 'charge_late', amount: -20n },
    ]);
    expect(await billing.balance(accountId)).toEqual({ available: 940n, held: 0n });
    const charges = await billing.db.read
      .selectFrom('charge')
      .selectAll()
      .where('request_id', '=', requestId)
      .execute();
    expect(charges).toHaveLength(1);
    expect(charges[0]).toMatchObject({ amount: 60n, outcome: 'completed', completion_tokens: 25 });
    expect(await billing.unproven()).toEqual([]);
  });

  test('settled late with the figures of its last report books nothing again, though a part was written off', async () => {
    const accountId = await funded(50n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    // Costs 130; 50 are held, a window is worth 40: 90 are charged and 40 written off.
    await extend(requestId, usage(10, 60));
    billing.moveClock(pastDeadline);
    await expire(requestId);
    const booked = [
      { account: 'revenue', amount: 130n },
      { account: 'user_cash', amount: -90n },
      { account: 'write_off', amount: -40n },
    ];
    expect(await sums(requestId)).toEqual(booked);
    // Not even from money that came since.
    await billing.credit(accountId, 500n);
    expect((await settle(requestId, usage(10, 60))).amount).toBe(90n);
    expect(await sums(requestId)).toEqual(booked);
    expect(await billing.balance(accountId)).toEqual({ available: 460n, held: 0n });
  });

  // Its expiry leaves arrears of 40: the figures at last cost more, the same, less, and nothing.
  test.each([
    [usage(10, 25), 60n],
    [usage(10, 15), 40n],
    [usage(10, 14), 38n],
    [usage(0, 0), 0n],
  ])(
    'settled late with fewer tokens than reported gives back what was written off, then what was charged: %j',
    async (used, cost) => {
      const accountId = await funded(50n);
      const requestId = billing.newRequest();
      await hold(accountId, requestId);
      await extend(requestId, usage(10, 60));
      billing.moveClock(pastDeadline);
      await expire(requestId);
      expect((await settle(requestId, used)).amount).toBe(cost);
      expect(await sums(requestId)).toEqual([
        { account: 'revenue', amount: cost },
        { account: 'user_cash', amount: -cost },
        { account: 'write_off', amount: 0n },
      ]);
      expect(await billing.balance(accountId)).toEqual({ available: 50n - cost, held: 0n });
    },
  );

  test('leaves arrears of one window only, though it is booked twice', async () => {
    const accountId = await funded(50n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    await extend(requestId, usage(10, 35));
    billing.moveClock(pastDeadline);
    await expire(requestId);
    expect(await billing.balance(accountId)).toEqual({ available: -30n, held: 0n });
    expect((await settle(requestId, usage(10, 60))).amount).toBe(90n);
    expect(await billing.balance(accountId)).toEqual({ available: -40n, held: 0n });
  });

  test('races with its settlement: charged once', async () => {
    for (let i = 0; i < 10; i += 1) {
      const accountId = await funded(1000n);
      const requestId = billing.newRequest();
      await hold(accountId, requestId);
      await extend(requestId, usage(10, 5));
      billing.moveClock(pastDeadline);
      await Promise.all([settle(requestId, usage(10, 20)), expire(requestId), settle(requestId, usage(10, 20))]);
      expect(await billing.balance(accountId)).toEqual({ available: 950n, held: 0n });
    }
  });
});

describe('a fenced account', () => {
  const setFence = (tx: BillingTx, accountId: string) =>
    fenceAccount(tx, { accountId, sagaId: newId('sag', 'cn', new Date()), now: new Date() });
  const fence = (accountId: string) => billing.run((tx) => setFence(tx, accountId));

  test('gets no hold and no extension; open holds settle up to their amount', async () => {
    const accountId = await funded(1000n);
    const [first, second] = [billing.newRequest(), billing.newRequest()];
    await hold(accountId, first);
    await hold(accountId, second);
    await fence(accountId);
    await expect(hold(accountId, billing.newRequest())).rejects.toMatchObject({ code: 'account_cancelled' });
    expect(await extend(first, usage(10, 20))).toMatchObject({
      kind: 'refused',
      problem: { code: 'account_cancelled' },
    });
    expect((await settle(first, usage(10, 100))).amount).toBe(50n);
    expect((await settle(second, usage(10, 1))).amount).toBe(12n);
    expect(await billing.balance(accountId)).toEqual({ available: 938n, held: 0n });
  });

  describe('and an extension at the same time', () => {
    const waiting = (event: string) =>
      waitFor(async () => {
        const { rows } = await sql`select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and wait_event = ${event}`.execute(
          billing.db.read,
        );
        return rows.length > 0;
      });
    /** Runs `work` in a transaction that stays open until `end` is called. */
    const open = async (work: Parameters<typeof billing.run>[0]) => {
      const worked = Promise.withResolvers<void>();
      const ending = Promise.withResolvers<void>();
      const ended = billing.run(async (tx) => {
        await work(tx);
        worked.resolve();
        await ending.promise;
      });
      await worked.promise;
      return {
        end: () => {
          ending.resolve();
          return ended;
        },
      };
    };

    test('the fence waits for an extension under way: none commits after it was acknowledged', async () => {
      const accountId = await funded(1000n);
      const requestId = billing.newRequest();
      await hold(accountId, requestId);
      const blocker = await open((tx) => lockBalance(tx, accountId));
      const order: string[] = [];
      try {
        const extending = extend(requestId, usage(10, 20)).then(({ kind }) => order.push(kind));
        await waiting('transactionid');
        const fencing = fence(accountId).then(() => order.push('fenced'));
        await Promise.race([fencing, waiting('advisory')]);
        await blocker.end();
        await Promise.all([extending, fencing]);
      } finally {
        await blocker.end();
      }
      expect(order).toEqual(['extended', 'fenced']);
    });

    test('an extension waits for a fence under way, and is refused', async () => {
      const accountId = await funded(1000n);
      const requestId = billing.newRequest();
      await hold(accountId, requestId);
      const fencing = await open((tx) => setFence(tx, accountId));
      let extending: ReturnType<typeof extend> | undefined;
      try {
        extending = extend(requestId, usage(10, 20));
        await Promise.race([extending, waiting('advisory')]);
      } finally {
        await fencing.end();
      }
      expect(await extending).toMatchObject({ kind: 'refused', problem: { code: 'account_cancelled' } });
      expect(await billing.balance(accountId)).toEqual({ available: 950n, held: 50n });
    });
  });

  test('settled after the deadline pays nothing more than the last report', async () => {
    const accountId = await funded(1000n);
    const requestId = billing.newRequest();
    await hold(accountId, requestId);
    await extend(requestId, usage(10, 5));
    await fence(accountId);
    billing.moveClock(pastDeadline);
    await expire(requestId);
    expect((await settle(requestId, usage(10, 20))).amount).toBe(20n);
    expect(await billing.balance(accountId)).toEqual({ available: 980n, held: 0n });
    expect(await billing.unproven()).toEqual([]);
  });
});
