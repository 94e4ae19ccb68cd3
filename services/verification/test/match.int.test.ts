import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { matchRealName } from '@meridian/contracts/verification.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import type { Schema } from '../src/db/schema.ts';
import { registerDay } from '../src/personal/identity-number.ts';
import { forgetOldTries } from '../src/personal/match-try.store.ts';
import { numberOf, startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const match = async (accountId: string, name: string, number: string, askedAs = `name-of:${accountId}`) =>
  call(matchRealName, {
    baseUrl: world.service.internalUrl,
    token: await world.authority.serviceToken('identity', 'verification'),
    body: { accountId, askedAs, name, number },
  });
const verified = async (number: string) => {
  world.registry.tell(() => ({ bizCode: '1' }));
  const account = world.newAccount();
  await world.submit(account, { name: '阿依古丽•买买提', number });
  return account;
};

test('name and number of the account match, however they are typed; anything else does not', async () => {
  const account = await verified(numberOf(1));
  expect((await match(account, '阿依古丽·买买提', numberOf(1))).body).toEqual({ match: true });
  expect((await match(account, ' 阿依古丽・买买提', numberOf(1).toLowerCase())).body).toEqual({ match: true });
  expect((await match(account, '张三', numberOf(1))).body).toEqual({ match: false });
  expect((await match(account, '阿依古丽·买买提', numberOf(2))).body).toEqual({ match: false });
  expect((await match(await verified(numberOf(3)), '阿依古丽·买买提', numberOf(1))).body).toEqual({ match: false });
});

test('an unknown account answers as a known one does, and no table learns of a person', async () => {
  const [known, unknown] = [await verified(numberOf(4)), world.newAccount()];
  const [a, b] = [await match(known, '李四', numberOf(5)), await match(unknown, '李四', numberOf(5))];
  expect(b.status).toBe(a.status);
  expect(b.body).toEqual(a.body);
  expect(Object.keys(b.headers).sort()).toEqual(Object.keys(a.headers).sort());
  const rows = await world.sql('select m::text as row from match_try m');
  expect(JSON.stringify(rows)).not.toContain(numberOf(5));
  expect(world.lines.join('')).not.toContain(numberOf(5));
});

test('a person under review matches nobody', async () => {
  world.registry.tell(() => ({ bizCode: '3' }));
  const account = world.newAccount();
  await world.submit(account, { number: numberOf(6) });
  expect((await match(account, '张三', numberOf(6))).body).toEqual({ match: false });
});

test('ten questions a day under one name, right ones included and at once; unknown accounts are counted alike', async () => {
  for (const account of [await verified(numberOf(7)), world.newAccount()]) {
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => match(account, '张三', numberOf(8))));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(10);
    await expect(match(account, '阿依古丽·买买提', numberOf(7))).rejects.toMatchObject({
      code: 'verification_attempts_used',
      status: 429,
    });
  }
  // What other names of the same account were used up tells nothing of this one.
  const account = await verified(numberOf(9));
  for (let i = 0; i < 10; i += 1) await match(account, '张三', numberOf(8));
  expect((await match(account, '阿依古丽·买买提', numberOf(9), `id-of:${account}`)).body).toEqual({ match: true });
  world.clock.offsetMs += 86_400_000;
  expect((await match(account, '阿依古丽·买买提', numberOf(9))).body).toEqual({ match: true });
  const log = createLog({ service: 'verification', region: world.region, level: 'silent' });
  const db = createDatabase<Schema>({ url: world.env.DATABASE_URL, poolSize: 1, log, applicationName: 'test' });
  await forgetOldTries(db.read, registerDay(world.now()));
  await db.close();
  expect(await world.sql('select asked_as from match_try')).toEqual([{ asked_as: `name-of:${account}` }]);
});
