// Refusals told to proxies: to one that lets only 401 and 403 through, and to one that passes on any status.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accountFrozen, balanceExhausted } from '@meridian/contracts/events/billing.ts';
import { accountProtected } from '@meridian/contracts/events/moderation.ts';
import { createKey, issuePlanKey, revokeKey, setPlan } from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import pg from 'pg';
import { type Harness, startHarness } from './harness.ts';

// The middle of a minute, for ever: no limit begins anew between two calls.
const at = new Date(Math.floor(Date.now() / 60_000) * 60_000 + 30_000);
let service: Harness;
beforeAll(async () => {
  service = await startHarness({
    overrides: { now: () => at },
    env: { ACCOUNT_MODEL_LIMITS: JSON.stringify({ default: { requestsPerMinute: 3 } }) },
  });
});
afterAll(() => service?.stop());

const fresh = (prefix: string) => newId(prefix, 'cn', at);
const newKey = async (more: object = {}) => {
  const accountId = service.newAccount();
  const { body } = await service.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg', ...more },
    idempotencyKey: fresh('idem'),
  });
  return { accountId, keyId: body.key.keyId, secret: body.secret };
};
type Told = { status: number; told: string | null; code: string | undefined; retryAfter: string | null };
const ask = async (secret: string, headers: Record<string, string> = {}, method = 'GET') => {
  const response = await fetch(`${service.running.internalUrl}/internal/v1/keys/authorize`, {
    method,
    headers: {
      'x-meridian-service-token': await service.tokens.serviceToken({ caller: 'gateway', audience: 'key-issuance' }),
      'x-meridian-product': 'payg',
      authorization: `Bearer ${secret}`,
      ...headers,
    },
  });
  const text = await response.text();
  const refusal = response.headers.get('x-meridian-refusal');
  // What is told in the header is what is told in the body.
  if (refusal !== null) expect(JSON.parse(refusal)).toEqual(JSON.parse(text));
  return {
    status: response.status,
    told: response.headers.get('x-meridian-status'),
    code: refusal === null ? undefined : (JSON.parse(refusal).error.code as string),
    retryAfter: response.headers.get('retry-after'),
  } satisfies Told;
};
const any = { 'x-meridian-statuses': 'all' };
const becomes = (secret: string, code: string) => waitFor(async () => (await ask(secret)).code === code);

/** Keys that are refused for good, one for each reason. */
const refused: Record<
  string,
  { status: number; make: () => Promise<{ secret: string; headers?: Record<string, string> }> }
> = {
  key_invalid: { status: 401, make: async () => ({ secret: 'garbage' }) },
  key_revoked: {
    status: 401,
    make: async () => {
      const key = await newKey();
      await service.asUser(key.accountId, revokeKey, { params: { keyId: key.keyId } });
      return key;
    },
  },
  balance_exhausted: {
    status: 402,
    make: async () => {
      const key = await newKey();
      await service.emit('billing', balanceExhausted, key.accountId, { balance: '0', currency: 'CNY' });
      await becomes(key.secret, 'balance_exhausted');
      return key;
    },
  },
  plan_inactive: {
    status: 402,
    make: async () => {
      const accountId = service.newAccount();
      const { body } = await service.asService('billing', issuePlanKey, {
        body: { accountId, name: 'plan', planUntil: new Date(at.getTime() + 600_000).toISOString() },
        idempotencyKey: fresh('idem'),
      });
      await service.asService('billing', setPlan, { params: { accountId }, body: { planUntil: null } });
      return { secret: body.secret, headers: { 'x-meridian-product': 'plan' } };
    },
  },
  account_protected: {
    status: 403,
    make: async () => {
      const key = await newKey();
      const until = new Date(at.getTime() + 3_600_000).toISOString();
      const protection = { protectionId: fresh('prt'), caseId: fresh('cas'), until };
      await service.emit('moderation', accountProtected, key.accountId, protection);
      await becomes(key.secret, 'account_protected');
      return key;
    },
  },
  account_frozen: {
    status: 403,
    make: async () => {
      const key = await newKey();
      await service.emit('billing', accountFrozen, key.accountId, { freezeId: fresh('frz') });
      await becomes(key.secret, 'account_frozen');
      return key;
    },
  },
  ip_not_allowed: { status: 403, make: () => newKey({ networks: ['192.0.2.0/24'] }) },
};

describe.each(Object.entries(refused))('%s', (code, { status, make }) => {
  test(`is ${status} to who passes on any status, 401 or 403 to who cannot, and the client's status is told both`, async () => {
    const { secret, headers = {} } = await make();
    const through = status === 401 ? 401 : 403;
    const told = { told: String(status), code, retryAfter: null };
    expect(await ask(secret, headers)).toEqual({ status: through, ...told });
    for (const method of ['GET', 'POST'])
      expect(await ask(secret, { ...headers, ...any }, method)).toEqual({ status, ...told });
  });
});

test('a call beyond a limit is 429 with Retry-After; a proxy that tells no model does not escape the limits of models', async () => {
  const { secret } = await newKey();
  for (let i = 0; i < 3; i += 1) expect((await ask(secret)).status).toBe(200);
  const told = { told: '429', code: 'rate_limited', retryAfter: '30' };
  expect(await ask(secret)).toEqual({ status: 403, ...told });
  expect(await ask(secret, any)).toEqual({ status: 429, ...told });
});

test('keys that cannot be read are 503 with Retry-After, and nobody gets through', async () => {
  const { secret } = await newKey();
  const holder = new pg.Client({ connectionString: service.databaseUrl });
  await holder.connect();
  await holder.query('begin; lock table api_key in access exclusive mode');
  try {
    const told = { told: '503', code: 'unavailable', retryAfter: '1' };
    const [plain, all] = await Promise.all([ask(secret), ask(secret, any)]);
    expect(plain).toEqual({ status: 403, ...told });
    expect(all).toEqual({ status: 503, ...told });
  } finally {
    await holder.query('rollback');
    await holder.end();
  }
  expect((await ask(secret)).status).toBe(200);
});
