// A key with more than one secret: rotation with grace or at once, its replays, and peppers that are rotated below.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readPublicPart } from '@meridian/client/key-checksum.ts';
import {
  createKey,
  getKey,
  issuePlanKey,
  listKeyChanges,
  revokeKey,
  rotateKey,
  verifyKey,
} from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import { profiles } from '@meridian/regions/region.ts';
import { type Harness, startHarness } from './harness.ts';

let shift = 0;
const now = () => new Date(Date.now() + shift);
let service: Harness;
beforeAll(async () => {
  service = await startHarness({ overrides: { now } });
});
afterAll(() => service?.stop());

const fresh = () => newId('idem', 'cn', now());
const newKey = async (on = service, more: object = {}) => {
  const accountId = on.newAccount();
  const { body } = await on.asUser(accountId, createKey, {
    body: { name: 'k', product: 'payg', ...more },
    idempotencyKey: fresh(),
  });
  return { accountId, keyId: body.key.keyId, secret: body.secret };
};
type Key = Awaited<ReturnType<typeof newKey>>;
const rotate = async (key: Key, graceSeconds: number, idempotencyKey = fresh()) =>
  (
    await service.asUser(key.accountId, rotateKey, {
      params: { keyId: key.keyId },
      body: { graceSeconds },
      idempotencyKey,
    })
  ).body;
const standingOf = async (secret: string, on = service) => {
  const { body } = await on.asService('gateway', verifyKey, { body: { key: secret, product: 'payg' } });
  return body.valid ? body.keyId : body.refusal.code;
};
const position = async () => (await service.asService('gateway', listKeyChanges, { query: { wait: 0 } })).body.position;

describe('rotation', () => {
  test('with a grace both secrets work under one id until it ends, then the old one is revoked', async () => {
    const key = await newKey();
    const rotated = await rotate(key, 3_600);
    expect(rotated.key).toMatchObject({ keyId: key.keyId, status: 'active' });
    expect(rotated.secret.startsWith(rotated.key.display.slice(0, -1))).toBe(true);
    expect(Date.parse(rotated.key.previousSecretsEndAt!) - Date.parse(rotated.key.rotatedAt!)).toBe(3_600_000);
    expect(await standingOf(key.secret)).toBe(key.keyId);
    expect(await standingOf(rotated.secret)).toBe(key.keyId);
    shift += 3_601_000;
    expect(await standingOf(key.secret)).toBe('key_revoked');
    expect(await standingOf(rotated.secret)).toBe(key.keyId);
    const { body } = await service.asUser(key.accountId, getKey, { params: { keyId: key.keyId } });
    expect(body.previousSecretsEndAt).toBeNull();
  });

  test('without a grace the old secret is dead at once, and gateways hear of it', async () => {
    const key = await newKey();
    const after = await position();
    const rotated = await rotate(key, 0);
    expect(await standingOf(key.secret)).toBe('key_revoked');
    expect(await standingOf(rotated.secret)).toBe(key.keyId);
    const { body } = await service.asService('gateway', listKeyChanges, { query: { wait: 0, after } });
    expect(body.changes).toMatchObject([{ accountId: key.accountId, keyId: key.keyId, reason: 'rotated' }]);
  });

  test('at once means at once on a replica whose clock is behind', async () => {
    const key = await newKey();
    const behind = await startHarness({
      databaseUrl: service.databaseUrl,
      overrides: { now: () => new Date(now().getTime() - 30_000) },
    });
    try {
      await rotate(key, 0);
      expect(await standingOf(key.secret, behind)).toBe('key_revoked');
    } finally {
      await behind.stop();
    }
  });

  test('a repeat of the same request answers the same secret and makes no second one; another body is refused', async () => {
    const key = await newKey();
    const again = fresh();
    const [first, second] = [await rotate(key, 60, again), await rotate(key, 60, again)];
    expect(second).toEqual(first);
    await expect(rotate(key, 0, again)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    expect(await standingOf(key.secret)).toBe(key.keyId);
  });

  test('many at once give as many secrets as are allowed, all under one id', async () => {
    const key = await newKey();
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => rotate(key, 600)));
    const made = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value.secret] : []));
    const codes = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason.code] : []));
    expect(made).toHaveLength(4);
    expect(new Set(codes)).toEqual(new Set(['too_many_secrets']));
    for (const secret of [key.secret, ...made]) expect(await standingOf(secret)).toBe(key.keyId);
    const last = await rotate(key, 0);
    for (const secret of [key.secret, ...made]) expect(await standingOf(secret)).toBe('key_revoked');
    expect(await standingOf(last.secret)).toBe(key.keyId);
  });

  test('a later grace never prolongs an earlier one', async () => {
    const key = await newKey();
    const second = await rotate(key, 60);
    await rotate(key, 600_000);
    shift += 61_000;
    expect(await standingOf(key.secret)).toBe('key_revoked');
    expect(await standingOf(second.secret)).toBe(key.keyId);
  });

  test('lists and limits go with the key; revoking it ends every secret, and a dead key is not rotated', async () => {
    const key = await newKey(service, { models: ['m'], limits: { requestsPerMinute: 9 } });
    const rotated = await rotate(key, 600);
    expect(rotated.key).toMatchObject({ models: ['m'], limits: { requestsPerMinute: 9 } });
    expect(await standingOf(rotated.secret)).toBe('model_not_allowed');
    await service.asUser(key.accountId, revokeKey, { params: { keyId: key.keyId } });
    expect([await standingOf(key.secret), await standingOf(rotated.secret)]).toEqual(['key_revoked', 'key_revoked']);
    await expect(rotate(key, 0)).rejects.toMatchObject({ code: 'key_not_active' });
  });

  test("another account's key is not found", async () => {
    const key = await newKey();
    await expect(rotate({ ...key, accountId: service.newAccount() }, 0)).rejects.toMatchObject({ code: 'not_found' });
    expect(await standingOf(key.secret)).toBe(key.keyId);
  });
});

test("a rotated plan key is told its own product's Base URL, or that the region has none", async () => {
  const planUrl = 'https://plan.example/v1';
  const profile = profiles.cn!;
  const { addresses } = profile;
  const withPlans = { ...profile, addresses: { ...addresses, baseUrls: { ...addresses.baseUrls, plan: planUrl } } };
  const selling = await startHarness({ env: { REGION_PROFILE: JSON.stringify(withPlans) } });
  const baseUrlOf = async (on: Harness) => {
    const accountId = on.newAccount();
    const { body } = await on.asService('billing', issuePlanKey, {
      body: { accountId, name: 'plan', planUntil: new Date(now().getTime() + 600_000).toISOString() },
      idempotencyKey: fresh(),
    });
    const rotated = await on.asUser(accountId, rotateKey, {
      params: { keyId: body.key.keyId },
      body: {},
      idempotencyKey: fresh(),
    });
    expect(rotated.body.secret).toMatch(/^tp-/);
    return rotated.body.baseUrl;
  };
  try {
    expect(await baseUrlOf(selling)).toBe(planUrl);
    expect(await baseUrlOf(service)).toBeNull();
  } finally {
    await selling.stop();
  }
});

describe('peppers', () => {
  const old = 'the-first-pepper-of-this-test';
  const next = 'the-second-pepper-of-this-test';
  const withPeppers = (peppers: Record<string, string>, databaseUrl?: string, current?: string) =>
    startHarness({
      ...(databaseUrl !== undefined && { databaseUrl }),
      overrides: { now },
      env: { KEY_PEPPERS: JSON.stringify(peppers), ...(current !== undefined && { KEY_PEPPER_CURRENT: current }) },
    });
  const versionOf = (secret: string) => readPublicPart(secret)?.pepperVersion;

  test('the highest makes new keys, a retired one still verifies, a rotation brings an old key under the new one', async () => {
    const before = await withPeppers({ 1: old });
    const after = await withPeppers({ 1: old, 2: next }, before.databaseUrl);
    try {
      const [first, second] = [await newKey(before), await newKey(after)];
      expect([versionOf(first.secret), versionOf(second.secret)]).toEqual([1, 2]);
      expect(await standingOf(first.secret, after)).toBe(first.keyId);
      expect(await standingOf(second.secret, after)).toBe(second.keyId);
      const { body } = await after.asUser(first.accountId, rotateKey, {
        params: { keyId: first.keyId },
        body: {},
        idempotencyKey: fresh(),
      });
      expect(versionOf(body.secret)).toBe(2);
    } finally {
      await after.stop();
      await before.stop();
    }
  });

  test('a further one is verified with everywhere before it makes a key: no replica of a rolling update refuses a new key', async () => {
    const first = await withPeppers({ 1: old });
    const replicas = [first];
    const roll = async (...step: [Record<string, string>, string?]) => {
      const replica = await withPeppers(step[0], first.databaseUrl, step[1]);
      replicas.push(replica);
      const key = await newKey(replica);
      for (const on of replicas.slice(-2)) expect(await standingOf(key.secret, on)).toBe(key.keyId);
      return versionOf(key.secret);
    };
    try {
      expect(await roll({ 1: old, 2: next }, '1')).toBe(1);
      expect(await roll({ 1: old, 2: next })).toBe(2);
    } finally {
      for (const replica of replicas.toReversed()) await replica.stop();
    }
  });

  test('a service without the pepper of a working key does not start and says which; once no key needs it, it does', async () => {
    const service = await withPeppers({ 1: old, 2: next }, undefined, '1');
    try {
      const [key, other] = [await newKey(service), await newKey(service)];
      const start = () => withPeppers({ 2: next }, service.databaseUrl);
      await expect(start()).rejects.toMatchObject({
        code: 'invalid_configuration',
        message: expect.stringContaining('KEY_PEPPERS lacks version 1, with which 2 working key(s) were made'),
      });
      for (const { accountId, keyId } of [key, other])
        await service.asUser(accountId, revokeKey, { params: { keyId } });
      await (await start()).stop();
    } finally {
      await service.stop();
    }
  });

  test('the current one must be among them', async () => {
    await expect(withPeppers({ 1: old }, service.databaseUrl, '2')).rejects.toMatchObject({
      mistakes: ['KEY_PEPPER_CURRENT must be one of the versions of KEY_PEPPERS'],
    });
  });
});
