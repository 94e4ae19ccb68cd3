// The client that docs/integration.md hands to operators, against the real service.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createGatewayClient, type KeyChange } from '@meridian/client/gateway-client.ts';
import { createKey, revokeKey } from '@meridian/contracts/key-issuance.ts';
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
  const listening = gateway.changes({
    onChanges: (changes) => heard.push(...changes),
    onSilence: () => silences.push(1),
    signal: stopping.signal,
  });
  await service.asUser(accountId, revokeKey, { params: { keyId: body.key.keyId } });
  const again = await gateway.verify(question);
  expect(again).toMatchObject({ valid: false, refusal: { code: 'key_revoked' } });
  // The first poll learns where it stands; a change after that is told.
  const { body: second } = await service.asUser(accountId, createKey, {
    body: { name: 'second', product: 'payg' },
    idempotencyKey: 'second',
  });
  await service.asUser(accountId, revokeKey, { params: { keyId: second.key.keyId } });
  await waitFor(async () => heard.some((change) => change.keyId === second.key.keyId));
  expect(silences).toEqual([]);
  stopping.abort();
  await listening;
});

test('a gateway that hears nothing is told so, once per silence', async () => {
  const stopping = new AbortController();
  const silences: number[] = [];
  let failures = 0;
  const listening = clientOf('http://127.0.0.1:1').changes({
    onChanges: () => undefined,
    onSilence: () => silences.push(1),
    onError: () => {
      failures += 1;
    },
    silenceMs: 200,
    signal: stopping.signal,
  });
  await waitFor(async () => silences.length > 0 && failures > 1);
  expect(silences).toEqual([1]);
  stopping.abort();
  await listening;
});
