// The client that docs/integration.md hands to operators, against the real service.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createGatewayClient } from '@meridian/client/gateway-client.ts';
import type { KeyChange } from '@meridian/client/key-change.ts';
import { createOpenCalls } from '@meridian/client/open-calls.ts';
import { createKey, listKeyChanges, revokeKey, rotateKey } from '@meridian/contracts/key-issuance.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { type Harness, startHarness } from './harness.ts';

let service: Harness;
beforeAll(async () => {
  service = await startHarness();
});
afterAll(async () => service?.stop());

const clientOf = (keyIssuance: string) =>
  createGatewayClient({
    addresses: { 'key-issuance': keyIssuance, billing: 'http://127.0.0.1:1', moderation: 'http://127.0.0.1:1' },
    tokenFor: (audience) => service.tokens.serviceToken({ caller: 'gateway', audience }),
  });

test('a gateway verifies, hears of a revocation within a second, and verifies no more', async () => {
  const gateway = clientOf(service.running.internalUrl);
  const accountId = service.newAccount();
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg' },
    idempotencyKey: 'k',
  });
  const question = { key: body.secret, product: 'payg' } as const;
  expect(await gateway.verify(question)).toMatchObject({ valid: true, accountId, keyId: body.key.keyId });

  const heard: KeyChange[] = [];
  const stopping = new AbortController();
  const silences: number[] = [];
  const following = gateway.changes({
    onChanges: (changes) => heard.push(...changes),
    onSilence: () => silences.push(1),
    signal: stopping.signal,
  });
  await following.ready;
  await service.asUser(accountId, revokeKey, { params: { keyId: body.key.keyId } });
  const again = await gateway.verify(question);
  expect(again).toMatchObject({ valid: false, refusal: { code: 'key_revoked' } });
  await waitFor(async () => heard.some((change) => change.keyId === body.key.keyId && change.reason === 'revoked'));
  expect(silences).toEqual([]);
  stopping.abort();
  await following.ended;
});

test('a rotation ends the calls with the old secret and none with the new one, however late it is heard of', async () => {
  const gateway = clientOf(service.running.internalUrl);
  const accountId = service.newAccount();
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg' },
    idempotencyKey: 'rotated',
  });
  const calls = createOpenCalls(2);
  const callWith = async (key: string) => {
    const call = calls.begin()!;
    const verdict = await gateway.verify({ key, product: 'payg' });
    if (!verdict.valid) throw new Error('the key should be good');
    call.identify(verdict);
    return { call, position: verdict.position };
  };
  const old = await callWith(body.secret);
  const { body: rotated } = await service.asUser(accountId, rotateKey, {
    params: { keyId: body.key.keyId },
    body: { graceSeconds: 0 },
    idempotencyKey: 'rotation',
  });
  const fresh = await callWith(rotated.secret);
  const { body: news } = await service.asService('gateway', listKeyChanges, {
    query: { wait: 0, after: old.position },
  });
  expect(news).toMatchObject({ position: fresh.position, changes: [{ position: fresh.position, reason: 'rotated' }] });
  calls.apply(news.changes);
  expect([old.call.reason(), fresh.call.reason()]).toEqual(['rotated', undefined]);
});

test('tokens that a verification reserved are put right by those really used', async () => {
  const gateway = clientOf(service.running.internalUrl);
  const accountId = service.newAccount();
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg', limits: { tokensPerDay: 1_000 } },
    idempotencyKey: 'limited',
  });
  const question = { key: body.secret, product: 'payg', model: null, tokensEstimate: 600 } as const;
  const leftOf = async () => {
    const verdict = await gateway.verify({ ...question, tokensEstimate: 0 });
    return verdict.rates?.find(({ kind }) => kind === 'tokens_per_day')?.remaining;
  };
  const verdict = await gateway.verify(question);
  if (!verdict.valid || verdict.reservedAt === undefined) throw new Error('the key should be good and limited');
  expect(await leftOf()).toBe(400);
  const { keyId, reservedAt } = verdict;
  const usage = { requestId: 'req-1', accountId, keyId, model: null, reservedAt, tokensReserved: 600 };
  await gateway.reportUsage({ ...usage, tokensUsed: 50 });
  expect(await leftOf()).toBe(950);
});

test('a gateway that hears nothing is told so, again and again while it lasts', async () => {
  const stopping = new AbortController();
  const silences: number[] = [];
  let failures = 0;
  const began = performance.now();
  const following = clientOf('http://127.0.0.1:1').changes({
    onChanges: () => undefined,
    onSilence: (since) => silences.push(since),
    onError: () => {
      failures += 1;
    },
    silenceMs: 200,
    signal: stopping.signal,
  });
  await waitFor(async () => silences.length > 2 && failures > 1);
  expect(silences.every((since) => since >= began)).toBe(true);
  stopping.abort();
  await following.ended;
  await expect(following.ready).rejects.toMatchObject({ code: 'aborted' });
});
