// A recovery through the whole platform: what identity decides reaches billing and key-issuance at once, and a real name is compared by verification.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { createRecharge } from '@meridian/contracts/billing.ts';
import { createSession, type Identifier, sendCode } from '@meridian/contracts/identity.ts';
import {
  beginRecovery,
  completeRecovery,
  openRecoveryTicket,
  proveRecovery,
} from '@meridian/contracts/identity-recovery.ts';
import { createKey, listKeys, rotateKey } from '@meridian/contracts/key-issuance.ts';
import { submitPersonalVerification } from '@meridian/contracts/verification.ts';
import pg from 'pg';
import { until } from './journeys/expectations.ts';
import { outsideWorld } from './journeys/outside-world.ts';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

let copy: TestCopy;
beforeAll(async () => {
  copy = await startTestCopy();
}, 90_000);
afterAll(() => copy.stop());

const signUp = async (api: string, identifier: Identifier) => {
  const since = new Date();
  const { body: sent } = await call(sendCode, { baseUrl: api, body: { identifier, purpose: 'login' } });
  const code = await outsideWorld(copy.sandbox).readCode(identifier, since);
  const { body } = await call(createSession, {
    baseUrl: api,
    body: { codeId: sent.codeId, code, identifier, termsVersion: '2026-11' },
  });
  return { ...body, resendAfter: Date.parse(sent.resendAfter) };
};

const recover = async (api: string, account: Identifier, resendAfter: number) => {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, resendAfter - Date.now())));
  const since = new Date();
  const { body: begun } = await call(beginRecovery, { baseUrl: api, body: { account } });
  const { recoveryToken, codeId } = begun;
  const code = await outsideWorld(copy.sandbox).readCode(account, since);
  await call(proveRecovery, { baseUrl: api, body: { recoveryToken, proof: { method: 'code', codeId, code } } });
  const { body } = await call(completeRecovery, {
    baseUrl: api,
    body: { recoveryToken, password: 'a password of my own' },
  });
  return body;
};

test.each([
  { region: 'cn', channel: 'wechat_pay', currency: 'CNY', identifier: { kind: 'phone', value: '+8613800138321' } },
  { region: 'global', channel: 'waffo', currency: 'USD', identifier: { kind: 'email', value: 'lost@people.example' } },
] as const)(
  'a recovered account of $region keeps its keys, and neither recharges nor makes or rotates one',
  async ({ region, channel, currency, identifier }) => {
    const { api } = copy.region(region);
    const before = await signUp(api, identifier);
    const newKey = (token: string) =>
      call(createKey, { baseUrl: api, token, idempotencyKey: randomUUID(), body: { name: 'mine', product: 'payg' } });
    const { key } = (await newKey(before.accessToken)).body;
    const { accessToken: token, accountId } = await recover(api, identifier, before.resendAfter);
    expect(accountId).toBe(before.accountId);
    const idempotencyKey = randomUUID();
    const refused = [
      newKey(token),
      call(rotateKey, { baseUrl: api, token, idempotencyKey, params: { keyId: key.keyId }, body: {} }),
      call(createRecharge, {
        baseUrl: api,
        token,
        idempotencyKey,
        body: { channel, currency, amount: '5000000000' },
      }),
    ];
    for (const one of refused)
      await expect(one).rejects.toMatchObject({
        code: 'account_restricted',
        status: 403,
        problem: { until: expect.any(String) },
      });
    const keys = await call(listKeys, { baseUrl: api, token, query: {} });
    expect(keys.body.items).toMatchObject([{ keyId: key.keyId, status: 'active' }]);
    await until('the old session to end everywhere', () =>
      call(listKeys, { baseUrl: api, token: before.accessToken, query: {} }).then(
        () => undefined,
        (error: { code?: string }) => error.code === 'unauthenticated' || undefined,
      ),
    );
  },
  60_000,
);

test("a ticket's real name is compared by verification, and only the verdict comes back", async () => {
  const { api, env } = copy.region('cn');
  const person = await outsideWorld(copy.sandbox).newPerson();
  const identifier: Identifier = { kind: 'phone', value: '+8613800138322' };
  const { accessToken: token } = await signUp(api, identifier);
  await call(submitPersonalVerification, {
    baseUrl: api,
    token,
    idempotencyKey: randomUUID(),
    body: { ...person, consentVersion: '2026-11' },
  });
  const open = (realName: typeof person) =>
    call(openRecoveryTicket, {
      baseUrl: api,
      body: { account: identifier, contact: { kind: 'phone', value: '+8613800138323' }, realName },
    });
  expect((await open(person)).status).toBe(202);
  expect((await open({ ...person, name: '别人' })).status).toBe(202);
  const client = new pg.Client({ connectionString: env('identity').DATABASE_URL as string });
  await client.connect();
  const { rows } = await client.query('select real_name from recovery_ticket order by created_at');
  await client.end();
  expect(rows).toEqual([{ real_name: 'match' }, { real_name: 'no_match' }]);
}, 60_000);
