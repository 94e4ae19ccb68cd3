import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { accountErased, accountErasureRequested } from '@meridian/contracts/events/lifecycle.ts';
import { fenceVerification } from '@meridian/contracts/fence.ts';
import { getVerificationStanding } from '@meridian/contracts/verification.ts';
import { newId } from '@meridian/kit/ids.ts';
import { columnsNear } from '@meridian/testkit/service/columns-near.ts';
import { startVerification } from '../src/service.ts';
import { numberOf, startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const fence = async (accountId: string, sagaId = newId('sag', world.region, world.now())) =>
  (
    await call(fenceVerification, {
      baseUrl: world.service.internalUrl,
      token: await world.authority.serviceToken('identity', 'verification'),
      body: { accountId, sagaId },
    })
  ).body;

const standing = async (accountId: string) =>
  (
    await call(getVerificationStanding, {
      baseUrl: world.service.internalUrl,
      token: await world.authority.serviceToken('billing', 'verification'),
      params: { accountId },
    })
  ).body;

const verified = async (number: string) => {
  world.registry.tell(() => ({ bizCode: '1' }));
  const account = world.newAccount();
  await world.submit(account, { number });
  return account;
};

describe('the database itself keeps the promises', () => {
  test('the rank of a verification only grows, whatever SQL says', async () => {
    const account = await verified(numberOf(1));
    const set = (rank: number) => world.sql('update verification set rank = $2 where account_id = $1', [account, rank]);
    await expect(set(0)).rejects.toMatchObject({ code: '23514' });
    await set(2);
    await expect(set(1)).rejects.toMatchObject({ constraint: 'verification_rank_only_grows' });
    expect(await world.view(account)).toMatchObject({ status: 'enterprise', allowsPayment: true });
    await expect(world.submit(account, { number: numberOf(2) })).rejects.toMatchObject({ code: 'already_verified' });
  });

  test('a verification cannot be deleted and made anew while its account lives', async () => {
    const account = await verified(numberOf(3));
    await expect(world.sql('delete from verification where account_id = $1', [account])).rejects.toMatchObject({
      constraint: 'verification_goes_with_account',
    });
  });

  test('a second open submission of an account cannot be written', async () => {
    world.registry.tell(() => ({ bizCode: '3' }));
    const account = world.newAccount();
    await world.submit(account, { number: numberOf(4) });
    await expect(
      world.sql(
        `insert into submission (id, account_id, state, provider, consent_version, created_at, next_drive_at, name_sealed, number_sealed)
         select id || 'x', account_id, 'pending', provider, consent_version, created_at, next_drive_at, name_sealed, number_sealed
         from submission where account_id = $1`,
        [account],
      ),
    ).rejects.toMatchObject({ constraint: 'submission_one_open' });
  });

  test('sealed data that was moved to another row or field opens nowhere', async () => {
    const [one, other] = [await verified(numberOf(5)), await verified(numberOf(6))];
    await world.sql(
      `update submission set name_sealed = (select name_sealed from submission where account_id = $2) where account_id = $1`,
      [one, other],
    );
    await expect(world.view(one)).rejects.toMatchObject({ status: 500 });
    await world.sql('update submission set name_sealed = number_sealed where account_id = $1', [other]);
    await expect(world.view(other)).rejects.toMatchObject({ status: 500 });
  });
});

describe('cancellation', () => {
  test('a fenced account is refused every write, also one that was on its way', async () => {
    const account = world.newAccount();
    const sagaId = newId('sag', world.region, world.now());
    let answered: ((told: { bizCode: string }) => void) | undefined;
    world.registry.tell(() => new Promise((resolve) => (answered = resolve)));
    const onItsWay = world.submit(account, { number: numberOf(7) });
    const outcome = onItsWay.catch((error: unknown) => error);
    while (!answered) await new Promise((resolve) => setTimeout(resolve, 5));
    const first = await fence(account, sagaId);
    answered({ bizCode: '1' });
    expect(await outcome).toMatchObject({ code: 'account_cancelled', status: 403 });
    expect(await standing(account)).toEqual({ accountId: account, verified: false, kind: null });
    await expect(world.view(account)).rejects.toMatchObject({ code: 'account_cancelled' });
    await expect(world.submit(account, { number: numberOf(7) })).rejects.toMatchObject({ code: 'account_cancelled' });
    expect(await fence(account, sagaId)).toEqual(first);
  });

  test('erasure: nothing opens, no index, no slot, no submission; the slot is free again; late repeats change nothing', async () => {
    const number = numberOf(8);
    const accounts = [await verified(number), await verified(number), await verified(number)];
    await expect(verified(number)).rejects.toMatchObject({ code: 'identity_in_use' });
    const gone = accounts[1] as string;
    const sagaId = newId('sag', world.region, world.now());
    const [sealed] = await world.sql('select name_sealed from submission where account_id = $1', [gone]);
    expect(sealed).toBeDefined();

    await fence(gone, sagaId);
    await world.bus.send('identity', accountErasureRequested, gone, { sagaId });
    const receipt = await world.bus.waitFor(accountErased, gone);
    expect(receipt.data).toEqual({
      sagaId,
      service: 'verification',
      erased: { data_keys: 1, submissions: 1, blind_indexes: 1, verifications: 1, idempotency_keys: 1 },
      retained: [],
    });
    for (const table of ['submission', 'subject_slot', 'verification', 'attempt_day'])
      expect(await world.sql(`select 1 from ${table} where account_id = $1`, [gone])).toEqual([]);
    expect(
      await world.sql('select state, wrapped, key_version from subject_key where account_id = $1', [gone]),
    ).toEqual([{ state: 'erased', wrapped: null, key_version: null }]);
    // An erased key is never made again.
    await expect(
      world.sql(
        `update subject_key set state = 'active', erased_at = null, wrapped = '\\x00', key_version = 1 where account_id = $1`,
        [gone],
      ),
    ).rejects.toMatchObject({ constraint: 'subject_key_stays_erased' });
    expect(await standing(gone)).toEqual({ accountId: gone, verified: false, kind: null });
    const records = JSON.stringify(await world.sql('select * from decision_record'));
    expect(records).toContain('approved');
    expect(records).not.toContain(gone);

    expect((await world.view(await verified(number))).status).toBe('personal');
    await expect(verified(number)).rejects.toMatchObject({ code: 'identity_in_use' });
  });

  test('erasure leaves nothing that can be matched by time with the tombstone, which names the account', async () => {
    const gone = await verified(numberOf(9));
    const hour = 3_600_000;
    world.clock.offsetMs += hour;
    const sagaId = newId('sag', world.region, world.now());
    await fence(gone, sagaId);
    await world.bus.send('identity', accountErasureRequested, gone, { sagaId });
    await world.bus.waitFor(accountErased, gone);
    const [tombstone] = await world.sql<{ at: Date }>(
      'select erased_at as at from account_tombstone where account_id = $1',
      [gone],
    );
    const found = await columnsNear(world.sql, { at: tombstone?.at ?? new Date(0), ms: hour / 2, account: gone });
    // That an event came: neither whose nor what.
    expect(found.filter((column) => !column.startsWith('inbox.'))).toEqual([]);
    expect(await world.sql('select 1 from decision_record')).not.toEqual([]);
  });
});

describe('regions', () => {
  test('an id of another region is refused by name, with the address of its home', async () => {
    const token = await world.authority.serviceToken('billing', 'verification');
    const accountId = newId('acc', 'global', world.now());
    await expect(
      call(getVerificationStanding, { baseUrl: world.service.internalUrl, token, params: { accountId } }),
    ).rejects.toMatchObject({ code: 'region_mismatch', status: 421, message: expect.stringContaining('global') });
  });

  test('a region that asks for no real name: everybody may pay, nothing can be submitted, no registry is needed', async () => {
    const elsewhere = await startWorld({
      region: 'global',
      variables: {
        IDENTITY_DATA_KEY: undefined,
        BLIND_INDEX_KEY: undefined,
        REAL_NAME_ENDPOINT: undefined,
        REAL_NAME_ACCESS_KEY_ID: undefined,
        REAL_NAME_ACCESS_KEY_SECRET: undefined,
      },
    });
    try {
      const account = elsewhere.newAccount();
      expect(await elsewhere.view(account)).toEqual({
        status: 'not_required',
        allowsPayment: true,
        masked: null,
        verifiedAt: null,
        attemptsLeftToday: 0,
      });
      await expect(elsewhere.submit(account, { number: numberOf(9) })).rejects.toMatchObject({
        code: 'real_name_not_offered',
        status: 404,
      });
      expect(elsewhere.registry.asked).toEqual([]);
    } finally {
      await elsewhere.stop();
    }
  });

  test.each([
    'IDENTITY_DATA_KEY',
    'BLIND_INDEX_KEY',
    'REAL_NAME_ENDPOINT',
    'REAL_NAME_ACCESS_KEY_ID',
    'REAL_NAME_ACCESS_KEY_SECRET',
  ])('a region that requires real names does not start without %s', async (name) => {
    const { readConfig } = await import('../src/config.ts');
    expect(() => readConfig({ ...world.env, [name]: undefined })).toThrow(new RegExp(`${name} is missing`));
    expect(() => readConfig(world.env)).not.toThrow();
  });
});

test('a service without the version of the data key that something was sealed under does not start, and names it', async () => {
  await verified(numberOf(90));
  const next = `2:${randomBytes(32).toString('base64')}`;
  const start = (IDENTITY_DATA_KEY: string) =>
    startVerification({ ...world.env, IDENTITY_DATA_KEY }, { now: world.now, ...world.bus.overrides });
  await expect(start(next)).rejects.toMatchObject({
    code: 'invalid_configuration',
    mistakes: ['IDENTITY_DATA_KEY lacks version 1, under which data is sealed: add it again'],
  });
  await (await start(`${next},${world.env.IDENTITY_DATA_KEY}`)).stop();
});
