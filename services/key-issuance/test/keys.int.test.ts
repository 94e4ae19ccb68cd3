import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readPublicPart } from '@meridian/client/key-checksum.ts';
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import { createKey, getKeyStanding, listKeys, revokeKey, verifyKey } from '@meridian/contracts/key-issuance.ts';
import { newId } from '@meridian/kit/ids.ts';
import pg from 'pg';
import { type Harness, startHarness } from './harness.ts';

let service: Harness;
let admin: pg.Client;
beforeAll(async () => {
  service = await startHarness({ env: { MAX_KEYS_PER_ACCOUNT: '5' } });
  admin = new pg.Client({ connectionString: service.databaseUrl });
  await admin.connect();
});
afterAll(async () => {
  await admin?.end();
  await service?.stop();
});

const create = (accountId: string, key: string, name = 'my key') =>
  service.asUser(accountId, createKey, { body: { name, product: 'payg' }, idempotencyKey: key });
const verify = async (key: string, product: 'payg' | 'plan' = 'payg') => {
  const { body } = await service.asService('gateway', verifyKey, { body: { key, product, model: null } });
  return body;
};
const refusalOf = async (key: string) => {
  const answer = await verify(key);
  return answer.valid ? 'valid' : answer.refusal;
};

describe('the life of a key', () => {
  test('created, shown once, verified, listed, revoked, refused', async () => {
    const account = service.newAccount();
    const { body: made } = await create(account, 'a');
    expect(readPublicPart(made.secret)).toEqual({ product: 'payg', region: 'cn', pepperVersion: 1 });
    expect(made.baseUrl).toBe('https://model.cn.meridian.example/v1');
    expect(made.key).toMatchObject({ name: 'my key', status: 'active', revokedAt: null });
    expect(await verify(made.secret)).toEqual({
      valid: true,
      accountId: account,
      keyId: made.key.keyId,
      product: 'payg',
      position: expect.stringMatching(/^[0-9]+$/),
    });

    const { body: list } = await service.asUser(account, listKeys, {});
    expect(list).toEqual({ items: [made.key], next: null });
    expect(JSON.stringify(list)).not.toContain(made.secret);

    const { body: revoked } = await service.asUser(account, revokeKey, { params: { keyId: made.key.keyId } });
    expect(revoked.status).toBe('revoked');
    expect(await refusalOf(made.secret)).toEqual({ code: 'key_revoked' });
    const { body: again } = await service.asUser(account, revokeKey, { params: { keyId: made.key.keyId } });
    expect(again).toEqual(revoked);
  });

  test('a repeat of the same request answers the same secret and makes no second key; another body is refused', async () => {
    const account = service.newAccount();
    const first = await create(account, 'same');
    const second = await create(account, 'same');
    expect(second.body).toEqual(first.body);
    expect((await service.asUser(account, listKeys, {})).body.items).toHaveLength(1);
    await expect(create(account, 'same', 'another name')).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('the secret is nowhere in the database', async () => {
    const { body } = await create(service.newAccount(), 'an-unguessable-key-of-the-caller');
    const secretPart = body.secret.slice(body.secret.indexOf('_') + 5);
    const { rows: tables } = await admin.query<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    );
    for (const { name } of tables) {
      const { rows } = await admin.query<{ text: string }>(`select t::text as text from ${name} t`);
      expect(rows.filter(({ text }) => text.includes(secretPart))).toEqual([]);
    }
  });

  test('as many keys as are allowed, also when asked for at once; revoking one makes room', async () => {
    const account = service.newAccount();
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => create(account, `k${i}`)));
    const made = outcomes.flatMap((o) => (o.status === 'fulfilled' ? [o.value.body] : []));
    const codes = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason.code] : []));
    expect(made).toHaveLength(5);
    expect(new Set(codes)).toEqual(new Set(['too_many_keys']));
    await service.asUser(account, revokeKey, { params: { keyId: made[0]!.key.keyId } });
    await create(account, 'one-more');
    const standing = await service.asService('identity', getKeyStanding, { params: { accountId: account } });
    expect(standing.body).toEqual({ activeKeys: 5 });
  });

  test('the list goes page by page, newest first, and takes only its own cursor', async () => {
    const account = service.newAccount();
    for (let i = 0; i < 5; i += 1) await create(account, `p${i}`, `key ${i}`);
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await service.asUser(account, listKeys, { query: { limit: 2, ...(cursor && { cursor }) } });
      names.push(...body.items.map((k) => k.name));
      cursor = body.next ?? undefined;
    } while (cursor !== undefined);
    expect(names).toHaveLength(5);
    expect(new Set(names).size).toBe(5);
    await expect(service.asUser(account, listKeys, { query: { cursor: 'bm90IG9uZQ' } })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  test("another account's key cannot be revoked or seen", async () => {
    const { body } = await create(service.newAccount(), 'mine');
    const stranger = service.newAccount();
    await expect(service.asUser(stranger, revokeKey, { params: { keyId: body.key.keyId } })).rejects.toMatchObject({
      code: 'not_found',
    });
    expect((await service.asUser(stranger, listKeys, {})).body.items).toEqual([]);
    expect((await verify(body.secret)).valid).toBe(true);
  });

  test('ids of another region are refused by name, with the address of their home', async () => {
    const foreign = newId('key', 'global', new Date());
    await expect(service.asUser(service.newAccount(), revokeKey, { params: { keyId: foreign } })).rejects.toMatchObject(
      {
        code: 'region_mismatch',
        problem: { region: 'global', address: 'https://api.global.meridian.example' },
      },
    );
    const accountId = newId('acc', 'global', new Date());
    await expect(service.asService('identity', getKeyStanding, { params: { accountId } })).rejects.toMatchObject({
      code: 'region_mismatch',
    });
  });

  test('creating and revoking leave an audit row and an event', async () => {
    const account = service.newAccount();
    const { body } = await create(account, 'audited');
    await service.asUser(account, revokeKey, { params: { keyId: body.key.keyId } });
    const { rows } = await admin.query(
      'select actor, action, key_id from key_audit where account_id = $1 order by id',
      [account],
    );
    expect(rows).toEqual([
      { actor: 'owner', action: 'create', key_id: body.key.keyId },
      { actor: 'owner', action: 'revoke', key_id: body.key.keyId },
    ]);
    const { rows: events } = await admin.query('select seq::int from account_sequence where account_id = $1', [
      account,
    ]);
    expect(events).toEqual([{ seq: 2 }]);
  });
});

describe('the fence', () => {
  test('stops every key at once, lets nothing new be made, and answers a repeat with the first time', async () => {
    const account = service.newAccount();
    const keys = [await create(account, '1'), await create(account, '2')].map(({ body }) => body);
    const sagaId = newId('sag', 'cn', new Date());
    const fence = () => service.asService('identity', fenceKeyIssuance, { body: { accountId: account, sagaId } });
    const first = await fence();
    for (const { secret } of keys) expect(await refusalOf(secret)).toEqual({ code: 'account_cancelled' });
    expect((await fence()).body).toEqual(first.body);
    await expect(create(account, '3')).rejects.toMatchObject({ code: 'account_cancelled' });
    await expect(service.asUser(account, revokeKey, { params: { keyId: keys[0]!.key.keyId } })).rejects.toMatchObject({
      code: 'account_cancelled',
    });
  });

  test('belongs to identity alone', async () => {
    const body = { accountId: service.newAccount(), sagaId: newId('sag', 'cn', new Date()) };
    await expect(service.asService('gateway', fenceKeyIssuance, { body })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      service.asService('identity', verifyKey, { body: { key: 'x', product: 'payg' } }),
    ).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});
