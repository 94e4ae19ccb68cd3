import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { accountErasureRequested, sessionRevoked } from '@meridian/contracts/events/lifecycle.ts';
import {
  createKey,
  createTemporaryKey,
  listKeys,
  revokeKey,
  rotateKey,
  updateKey,
} from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { type Harness, startHarness } from './harness.ts';

describe('a session that has ended at identity', () => {
  let service: Harness;
  beforeAll(async () => {
    service = await startHarness();
  }, 60_000);
  afterAll(() => service?.stop());

  const list = (token: string) => call(listKeys, { baseUrl: service.running.publicUrl, token, query: {} });
  const create = (token: string, key: string) =>
    call(createKey, {
      baseUrl: service.running.publicUrl,
      token,
      idempotencyKey: key,
      body: { name: 'a key', product: 'payg' },
    });
  const isRefused = async (token: string) =>
    list(token).then(
      () => false,
      (error: { code?: string }) => error.code === 'unauthenticated',
    );

  test('is refused here as soon as the event has arrived; other sessions of the account are not', async () => {
    const accountId = service.newAccount();
    const [sessionId, other] = [newId('ses', 'cn', new Date()), newId('ses', 'cn', new Date())];
    const token = await service.tokens.userToken({ accountId, sessionId });
    const otherToken = await service.tokens.userToken({ accountId, sessionId: other });
    expect((await list(token)).status).toBe(200);
    await service.emit('identity', sessionRevoked, accountId, {
      sessionId,
      endedAt: new Date().toISOString(),
      reason: 'signed_out',
    });
    await waitFor(() => isRefused(token));
    expect((await list(otherToken)).status).toBe(200);
  });

  test('"all sessions" reaches every one begun before, to the millisecond, and none begun after', async () => {
    const accountId = service.newAccount();
    const endedAt = new Date();
    const at = (ms: number) =>
      service.tokens.userToken({ accountId, sessionId: newId('ses', 'cn', new Date(endedAt.getTime() + ms)) });
    const [before, same] = [await at(-1), await at(0)];
    await service.emit('identity', sessionRevoked, accountId, {
      sessionId: null,
      endedAt: endedAt.toISOString(),
      reason: 'recovered',
    });
    await waitFor(() => isRefused(before));
    expect((await list(same)).status).toBe(200);
  });

  // What makes a credential, or lets one do more or live longer.
  const makers = {
    createKey: (token: string) => create(token, 'another-key-of-this-account'),
    createTemporaryKey: (token: string) =>
      call(createTemporaryKey, {
        baseUrl: service.running.publicUrl,
        token,
        idempotencyKey: 'temporary-key-of-this-account',
        body: { name: 't', product: 'payg', lifeSeconds: 60, models: ['m'] },
      }),
    rotateKey: (token: string, keyId: string) =>
      call(rotateKey, {
        baseUrl: service.running.publicUrl,
        token,
        params: { keyId },
        idempotencyKey: 'rotation-of-this-key',
        body: { graceSeconds: 0 },
      }),
    updateKey: (token: string, keyId: string) =>
      call(updateKey, { baseUrl: service.running.publicUrl, token, params: { keyId }, body: { networks: null } }),
  };
  test.each(Object.entries(makers))(
    'is refused by %s even before the event arrives: identity is asked',
    async (_, make) => {
      const accountId = service.newAccount();
      const token = await service.tokens.userToken({ accountId });
      const { keyId } = (await create(token, 'first-key-of-this-account')).body.key;
      service.tokens.ended.add(accountId);
      await expect(make(token, keyId)).rejects.toMatchObject({ code: 'unauthenticated' });
      service.tokens.ended.delete(accountId);
      expect([200, 201]).toContain((await make(token, keyId)).status);
    },
  );

  test('may still revoke until the event arrives: that takes power away and needs nobody else', async () => {
    const accountId = service.newAccount();
    const token = await service.tokens.userToken({ accountId });
    const { keyId } = (await create(token, 'first-key-of-this-account')).body.key;
    service.tokens.ended.add(accountId);
    const { body } = await call(revokeKey, { baseUrl: service.running.publicUrl, token, params: { keyId } });
    expect(body.status).toBe('revoked');
  });

  test('of a recovered account makes no key and rotates none until the restriction ends; its keys go on working', async () => {
    const accountId = service.newAccount();
    const token = await service.tokens.userToken({ accountId });
    const { key } = (await create(token, 'a-key-from-before-the-recovery')).body;
    const until = new Date(Date.now() + 3_600_000).toISOString();
    service.tokens.restricted.set(accountId, until);
    const baseUrl = service.running.publicUrl;
    const options = { baseUrl, token };
    const refused = [
      create(token, 'a-key-after-the-recovery'),
      call(createTemporaryKey, {
        ...options,
        idempotencyKey: 'a-temporary-key-after-it',
        body: { name: 'a job', product: 'payg', lifeSeconds: 600, models: ['meridian-v2.5'] },
      }),
      call(rotateKey, {
        ...options,
        idempotencyKey: 'a-rotation-after-it',
        params: { keyId: key.keyId },
        body: { graceSeconds: 0 },
      }),
    ];
    for (const one of refused)
      await expect(one).rejects.toMatchObject({ code: 'account_restricted', status: 403, problem: { until } });
    expect((await list(token)).body.items).toMatchObject([{ keyId: key.keyId, status: 'active', rotatedAt: null }]);
    service.tokens.restricted.delete(accountId);
    expect((await create(token, 'a-key-after-the-restriction')).status).toBe(201);
  });

  test('leaves nothing behind when the account is erased', async () => {
    const accountId = service.newAccount();
    const sessionId = newId('ses', 'cn', new Date());
    await service.emit('identity', sessionRevoked, accountId, {
      sessionId,
      endedAt: new Date().toISOString(),
      reason: 'signed_out',
    });
    const sagaId = newId('sag', 'cn', new Date());
    await service.emit('identity', accountErasureRequested, accountId, { sagaId });
    const pool = new (await import('pg')).default.Pool({ connectionString: service.databaseUrl, max: 1 });
    // A connection that is just closing may still be told that its database was dropped.
    pool.on('error', () => undefined);
    const count = async (table: string) =>
      (await pool.query<{ n: number }>(`select count(*)::int as n from ${table} where account_id = $1`, [accountId]))
        .rows[0]?.n;
    await waitFor(async () => (await count('account_tombstone')) === 1);
    expect(await count('not_before')).toBe(0);
    await pool.end();
  });
});
