import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKey, listKeyChanges, revokeKey } from '@meridian/contracts/key-issuance.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import pg from 'pg';
import { type Harness, startHarness } from './harness.ts';

let one: Harness;
let two: Harness;
beforeAll(async () => {
  one = await startHarness();
  two = await startHarness({ databaseUrl: one.databaseUrl });
});
afterAll(async () => {
  await two?.stop();
  await one?.stop();
});

const poll = async (service: Harness, after?: string, wait = 8) =>
  (await service.asService('gateway', listKeyChanges, { query: { wait, ...(after !== undefined && { after }) } })).body;
/** A poll that waits for sure: its read of the position was seen at the database, where `polls` replicas read it by then. */
const underWay = async (service: Harness, after: string, polls: number) => {
  const holder = new pg.Client({ connectionString: one.databaseUrl });
  await holder.connect();
  try {
    await holder.query('begin; lock table key_change_head in access exclusive mode');
    const answer = poll(service, after);
    await waitFor(async () => {
      const { rows } = await holder.query(
        "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows[0].n === polls;
    });
    return { answer };
  } finally {
    await holder.query('rollback');
    await holder.end();
  }
};
const revoked = async (service: Harness) => {
  const accountId = service.newAccount();
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg' },
    idempotencyKey: `k-${accountId}`,
  });
  return {
    accountId,
    keyId: body.key.keyId,
    revoke: () => service.asUser(accountId, revokeKey, { params: { keyId: body.key.keyId } }),
  };
};

describe('key changes', () => {
  test('without a position it answers the present one at once', async () => {
    const first = await poll(one);
    expect(first.changes).toEqual([]);
    expect(await poll(two)).toEqual(first);
  });

  test('a poll wakes on the commit of another replica', async () => {
    const { position } = await poll(one);
    const key = await revoked(two);
    const next = String(BigInt(position) + 1n);
    const { answer: waiting } = await underWay(one, position, 1);
    await key.revoke();
    // Woken: whoever waits a quarter of that time, and for nothing, waits longer.
    const nothing = poll(one, next, 2);
    const first = await Promise.race([waiting.then(() => 'woken'), nothing.then(() => 'the time is over')]);
    expect(first).toBe('woken');
    await nothing;
    const answer = await waiting;
    const change = { position: next, accountId: key.accountId, keyId: key.keyId, reason: 'revoked' };
    expect(answer).toEqual({ position: next, changes: [change] });
  });

  test('with nothing new it answers empty after the time it was given', async () => {
    const { position } = await poll(one);
    const began = performance.now();
    expect(await poll(one, position, 1)).toEqual({ position, changes: [] });
    expect(performance.now() - began).toBeGreaterThan(900);
  });

  test('what was missed is told at once, in order; a position from the future is corrected', async () => {
    const { position } = await poll(one);
    const keys = [await revoked(one), await revoked(two), await revoked(one)];
    for (const key of keys) await key.revoke();
    const { changes, position: next } = await poll(two, position);
    expect(changes.map((change) => change.keyId)).toEqual(keys.map((key) => key.keyId));
    expect(await poll(one, String(BigInt(next) + 1_000n))).toEqual({ position: next, changes: [] });
  });

  test('a change that commits late is not skipped by a reader that saw a later one begin', async () => {
    const { position } = await poll(one);
    const slow = new pg.Client({ connectionString: one.databaseUrl });
    await slow.connect();
    await slow.query('begin');
    await slow.query(`with head as (update key_change_head set position = position + 1 returning position)
      insert into key_change select position, 'acc_cn_01ARZ3NDEKTSV4RRFFQ69G5FAV', null, 'cancelled', now() from head`);
    const key = await revoked(two);
    const revoking = key.revoke();
    expect(await poll(one, position, 1)).toEqual({ position, changes: [] });
    await slow.query('commit');
    await slow.end();
    await revoking;
    const seen: (string | null)[] = [];
    let at = position;
    while (seen.length < 2) {
      const answer = await poll(one, at);
      at = answer.position;
      seen.push(...answer.changes.map((change) => change.keyId));
    }
    expect(seen).toEqual([null, key.keyId]);
  });

  test('stopping the service answers who waits', async () => {
    const third = await startHarness({ databaseUrl: one.databaseUrl });
    const { position } = await poll(third);
    // The same poll, asked earlier elsewhere, still waits when the other has its answer.
    let over = false;
    const { answer: elsewhere } = await underWay(one, position, 1);
    void elsewhere.then(() => {
      over = true;
    });
    const { answer: waiting } = await underWay(third, position, 2);
    const stopped = third.stop();
    expect(await waiting).toEqual({ position, changes: [] });
    expect(over).toBe(false);
    await stopped;
    await (await revoked(one)).revoke();
    await elsewhere;
  });
});
