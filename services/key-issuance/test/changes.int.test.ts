import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createKey, listKeyChanges, revokeKey } from '@meridian/contracts/key-issuance.ts';
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
    const waiting = poll(one, position).then((answer) => ({ answer, at: performance.now() }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await key.revoke();
    const committedAt = performance.now();
    const { answer, at } = await waiting;
    expect(answer.changes).toEqual([{ accountId: key.accountId, keyId: key.keyId, reason: 'revoked' }]);
    expect(BigInt(answer.position)).toBe(BigInt(position) + 1n);
    expect(at - committedAt).toBeLessThan(1_000);
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
    const waiting = poll(third, position);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const began = performance.now();
    await third.stop();
    expect(await waiting).toEqual({ position, changes: [] });
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
