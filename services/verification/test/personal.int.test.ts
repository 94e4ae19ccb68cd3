import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call } from '@meridian/client/client.ts';
import { verificationApproved } from '@meridian/contracts/events/verification.ts';
import { getVerificationStanding, submitPersonalVerification } from '@meridian/contracts/verification.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { canonicalRequest } from '@meridian/kit/http/idempotency.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { unheardAlarms } from '@meridian/testkit/service/unheard-alarms.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import type { Schema } from '../src/db/schema.ts';
import { registerDay } from '../src/personal/identity-number.ts';
import { deleteOldSubjectAttempts } from '../src/personal/subject-attempt.store.ts';
import { numberOf, startWorld, type World } from './world.ts';

let world: World;
let people = 0;
const nextNumber = () => {
  people += 1;
  return numberOf(people);
};

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const standing = async (accountId: string) =>
  (
    await call(getVerificationStanding, {
      baseUrl: world.service.internalUrl,
      token: await world.authority.serviceToken('billing', 'verification'),
      params: { accountId },
    })
  ).body;

describe('a person that the registry confirms', () => {
  test('is verified at once, shown masked, told to billing and published without anything of the person', async () => {
    world.registry.tell(() => ({ bizCode: '1' }));
    const account = world.newAccount();
    expect(await world.view(account)).toEqual({
      status: 'none',
      allowsPayment: false,
      masked: null,
      verifiedAt: null,
      attemptsLeftToday: 5,
    });
    const number = nextNumber();
    const { status, body } = await world.submit(account, { name: '阿依古丽•买买提', number });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'personal',
      allowsPayment: true,
      masked: { name: '阿**', number: `4${'*'.repeat(16)}${number.at(-1)}` },
      attemptsLeftToday: 5,
    });
    const asked = world.registry.asked.at(-1);
    expect(asked).toEqual({ name: '阿依古丽·买买提', number, action: 'Id2MetaVerify', valid: true, url: '/' });
    expect(await standing(account)).toEqual({ accountId: account, verified: true, kind: 'personal' });
    const event = await world.bus.waitFor(verificationApproved, account);
    expect(event.data).toEqual({ kind: 'personal' });
    const [row] = await world.sql<{ consent_version: string; created_at: Date }>(
      `select consent_version, created_at from submission where account_id = $1`,
      [account],
    );
    expect(row?.consent_version).toBe('2026-11');
    await expect(world.submit(account, { number })).rejects.toMatchObject({ code: 'already_verified', status: 409 });
  });

  test('the same request sent twice asks the registry once', async () => {
    world.registry.tell(() => ({ bizCode: '1' }));
    const account = world.newAccount();
    const before = world.registry.asked.length;
    const person = { number: nextNumber() };
    const idempotencyKey = randomUUID();
    const first = await world.submit(account, person, { idempotencyKey });
    const second = await world.submit(account, person, { idempotencyKey });
    expect(second.body).toEqual(first.body);
    expect(world.registry.asked.length).toBe(before + 1);
  });
});

describe('what is refused before anything is asked', () => {
  test('a person who has not agreed to the text of today: nothing is written, least of all what was sent instead of its version', async () => {
    const before = world.registry.asked.length;
    const [account, number] = [world.newAccount(), nextNumber()];
    for (const consentVersion of ['2025-01', '2026-11 ', `I am 张三 ${number}`])
      await expect(world.submit(account, { number, consentVersion })).rejects.toMatchObject({
        code: 'consent_required',
        status: 422,
      });
    expect(world.registry.asked.length).toBe(before);
    expect(await world.sql('select 1 from submission where account_id = $1', [account])).toEqual([]);
    expect((await world.submit(account, { number })).status).toBe(200);
  });

  test.each([
    ['a slip in the number', '440304199001010019', 'identity_number_invalid'],
    ['a number of the first generation', '440304900101001', 'identity_number_invalid'],
    ['the 15 characters of a foreign card of 2017', 'USA110085061501', 'identity_number_invalid'],
  ])('%s', async (_, number, code) => {
    const before = world.registry.asked.length;
    await expect(world.submit(world.newAccount(), { number })).rejects.toMatchObject({ code, status: 422 });
    expect(world.registry.asked.length).toBe(before);
  });

  test('a minor', async () => {
    const { checkCharacter } = await import('../src/personal/identity-number.ts');
    const digits = `110105${world.now().getUTCFullYear() - 10}0601121`;
    await expect(world.submit(world.newAccount(), { number: digits + checkCharacter(digits) })).rejects.toMatchObject({
      code: 'under_age',
      status: 422,
    });
  });
});

describe('attempts', () => {
  test('only a mismatch uses one up; when all are used the next is refused until tomorrow', async () => {
    const account = world.newAccount();
    const number = nextNumber();
    world.registry.tell(() => ({ code: '401' }));
    await expect(world.submit(account, { number })).rejects.toMatchObject({ code: 'identity_number_invalid' });
    world.registry.tell(() => ({ code: '402' }));
    await expect(world.submit(account, { number })).rejects.toMatchObject({
      code: 'registry_unavailable',
      status: 503,
    });
    expect((await world.view(account)).attemptsLeftToday).toBe(5);
    world.registry.tell(() => ({ bizCode: '2' }));
    for (let left = 4; left >= 0; left -= 1) {
      await expect(world.submit(account, { number })).rejects.toMatchObject({ code: 'identity_mismatch', status: 422 });
      expect((await world.view(account)).attemptsLeftToday).toBe(left);
    }
    const before = world.registry.asked.length;
    const refused = (await world.submit(account, { number }).catch((error: unknown) => error)) as {
      code: string;
      retryAfter?: number;
    };
    expect(refused).toMatchObject({ code: 'verification_attempts_used', status: 429 });
    expect(world.registry.asked.length).toBe(before);
    world.clock.offsetMs += 86_400_000;
    expect((await world.view(account)).attemptsLeftToday).toBe(5);
    world.registry.tell(() => ({ bizCode: '1' }));
    expect((await world.submit(account, { number })).status).toBe(200);
  });

  test('the twenty-first submission of a day is refused unasked, whatever the registry told of the others', async () => {
    const account = world.newAccount();
    const number = nextNumber();
    world.registry.tell(() => ({ code: '401' }));
    for (let i = 0; i < 20; i += 1)
      await expect(world.submit(account, { number })).rejects.toMatchObject({ code: 'identity_number_invalid' });
    const before = world.registry.asked.length;
    await expect(world.submit(account, { number })).rejects.toMatchObject({
      code: 'verification_attempts_used',
      status: 429,
    });
    expect(world.registry.asked.length).toBe(before);
    expect((await world.view(account)).attemptsLeftToday).toBe(5);
  });

  test('nothing of a refused person is kept', async () => {
    const rows = await world.sql(
      `select 1 from submission where state in ('rejected', 'freed', 'superseded') and (name_sealed is not null or number_sealed is not null)`,
    );
    expect(rows).toEqual([]);
  });

  test('ten submissions at once: one is checked, the others are told to wait, one attempt is used', async () => {
    const account = world.newAccount();
    const number = nextNumber();
    let refused = 0;
    const othersRefused = Promise.withResolvers<void>();
    world.registry.tell(async () => {
      await othersRefused.promise;
      return { bizCode: '2' };
    });
    const submit = () =>
      world.submit(account, { number }).catch((error: unknown) => {
        refused += 1;
        if (refused === 9) othersRefused.resolve();
        throw error;
      });
    const results = await Promise.allSettled(Array.from({ length: 10 }, submit));
    const codes = results.map((r) => (r.status === 'rejected' ? (r.reason as { code: string }).code : 'ok'));
    expect(codes.sort()).toEqual(['identity_mismatch', ...Array(9).fill('verification_pending')]);
    expect((await world.view(account)).attemptsLeftToday).toBe(4);
  });
});

describe('attempts about one person', () => {
  const mismatch = () => ({ bizCode: '2' });
  const outcomeOf = (number: string, account = world.newAccount()) =>
    world.submit(account, { number }).then(
      ({ status }) => status,
      (error: { code?: string }) => error.code,
    );

  test('are counted over all accounts: the sixth of a day is refused unasked, whoever makes it', async () => {
    const number = nextNumber();
    world.registry.tell(mismatch);
    for (let i = 0; i < 5; i += 1) expect(await outcomeOf(number)).toBe('identity_mismatch');
    const before = world.registry.asked.length;
    const account = world.newAccount();
    const refused = await world.submit(account, { number }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'verification_attempts_used', status: 429 });
    expect((refused as { retryAfter: number }).retryAfter).toBeGreaterThan(0);
    expect(world.registry.asked.length).toBe(before);
    // The account has lost nothing and may give another number.
    expect((await world.view(account)).attemptsLeftToday).toBe(5);
    world.registry.tell(() => ({ bizCode: '1' }));
    expect(await outcomeOf(nextNumber(), account)).toBe(200);
    world.clock.offsetMs += 86_400_000;
    expect(await outcomeOf(number)).toBe(200);
  });

  test('at once are no more than one after the other', async () => {
    const number = nextNumber();
    world.registry.tell(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return mismatch();
    });
    const before = world.registry.asked.length;
    const outcomes = await Promise.all(Array.from({ length: 12 }, () => outcomeOf(number)));
    expect(outcomes.sort()).toEqual([
      ...Array(5).fill('identity_mismatch'),
      ...Array(7).fill('verification_attempts_used'),
    ]);
    expect(world.registry.asked.length).toBe(before + 5);
  });

  test('are given back unless the registry tells a mismatch, and one found under review counts', async () => {
    const number = nextNumber();
    for (const told of [{ code: '402' }, { code: '401' }, { bizCode: '1' }, { status: 502, garbage: true }]) {
      world.registry.tell(() => told);
      for (let i = 0; i < 2; i += 1) await outcomeOf(number);
    }
    world.registry.tell(() => ({ bizCode: '3' }));
    const reviewed = world.newAccount();
    expect(await outcomeOf(number, reviewed)).toBe(202);
    world.registry.tell(mismatch);
    world.clock.offsetMs += 86_500_000;
    await waitFor(async () => (await world.view(reviewed)).attemptsLeftToday === 4);
    for (let i = 0; i < 4; i += 1) expect(await outcomeOf(number)).toBe('identity_mismatch');
    expect(await outcomeOf(number)).toBe('verification_attempts_used');
  });

  test('are kept without an account, by an index that is another one every day, and only for the day', async () => {
    const columns = await world.sql<{ name: string }>(
      "select column_name as name from information_schema.columns where table_name = 'subject_attempt' order by 1",
    );
    expect(columns.map(({ name }) => name)).toEqual(['attempts', 'day', 'subject_index']);
    const indexes = await world.sql<{ n: number }>(
      'select count(*)::int as n from subject_attempt group by subject_index having count(*) > 1',
    );
    expect(indexes).toEqual([]);
    const today = registerDay(world.now());
    const log = createLog({ service: 'verification', region: world.region, level: 'silent' });
    const db = createDatabase<Schema>({ url: world.env.DATABASE_URL, poolSize: 1, log, applicationName: 'test' });
    await deleteOldSubjectAttempts(db.read, today);
    await db.close();
    const days = await world.sql<{ day: string }>('select distinct day::text as day from subject_attempt');
    expect(days).toEqual([{ day: today }]);
  });
});

describe('a registry that cannot say', () => {
  test('no record: under review, never rejected; a corrected submission takes its place', async () => {
    const account = world.newAccount();
    world.registry.tell(() => ({ bizCode: '3' }));
    const { status, body } = await world.submit(account, { number: nextNumber() });
    expect(status).toBe(202);
    expect(body).toMatchObject({ status: 'manual_review', allowsPayment: false, attemptsLeftToday: 5 });
    world.registry.tell(() => ({ bizCode: '1' }));
    expect((await world.submit(account, { number: nextNumber() })).status).toBe(200);
    const states = await world.sql<{ state: string; name_sealed: Buffer | null }>(
      'select state, name_sealed from submission where account_id = $1 order by created_at',
      [account],
    );
    expect(states.map(({ state }) => state)).toEqual(['superseded', 'approved']);
    expect(states[0]?.name_sealed).toBeNull();
  });

  test('under review the registry is asked again the next day, and a record found then verifies the account', async () => {
    const account = world.newAccount();
    world.registry.tell(() => ({ bizCode: '3' }));
    expect((await world.submit(account, { number: nextNumber() })).status).toBe(202);
    world.registry.tell(() => ({ bizCode: '1' }));
    world.clock.offsetMs += 86_500_000;
    await waitFor(async () => (await world.view(account)).status === 'personal');
    await world.bus.waitFor(verificationApproved, account);
  });

  test.each([
    ['a code of its own', { code: '412' }],
    ['throttling', { status: 429, code: 'Throttling.User' }],
    ['an error page', { status: 502, garbage: true }],
    ['the same question too often', { code: '403' }],
  ])('unavailable by %s: 503, nothing used up, free to try again', async (_, told) => {
    const account = world.newAccount();
    const number = nextNumber();
    world.registry.tell(() => told);
    await expect(world.submit(account, { number })).rejects.toMatchObject({ code: 'registry_unavailable' });
    expect(await world.view(account)).toMatchObject({ status: 'none', attemptsLeftToday: 5, masked: null });
    world.registry.tell(() => ({ bizCode: '1' }));
    expect((await world.submit(account, { number })).status).toBe(200);
  });
});

test('N accounts per person: of four accounts at once exactly three are verified, and a slot is taken only with the account', async () => {
  world.registry.tell(() => ({ bizCode: '1' }));
  const number = nextNumber();
  const accounts = Array.from({ length: 4 }, () => world.newAccount());
  const results = await Promise.allSettled(accounts.map((account) => world.submit(account, { number })));
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(3);
  const refused = results.find((r) => r.status === 'rejected');
  expect(refused).toMatchObject({ reason: { code: 'identity_in_use', status: 409 } });
  const slots = await world.sql<{ slot: number }>(
    'select slot from subject_slot where account_id = any($1) order by slot',
    [accounts],
  );
  expect(slots.map(({ slot }) => slot)).toEqual([1, 2, 3]);
});

test('a crash between asking and deciding: the sweeper drives the submission on, and it is decided once', async () => {
  const account = world.newAccount();
  const number = nextNumber();
  // The decision of the request cannot be written: as after a crash, only the pending row is left.
  await world.sql(`create function break_decision() returns trigger language plpgsql as $$
    begin if new.account_id = '${account}' and new.state <> old.state then raise exception 'broken'; end if; return new; end $$`);
  await world.sql(
    'create trigger break_decision before update on submission for each row execute function break_decision()',
  );
  world.registry.tell(() => ({ bizCode: '1' }));
  await expect(world.submit(account, { number })).rejects.toMatchObject({ status: 500 });
  expect(await world.view(account)).toMatchObject({ status: 'pending', allowsPayment: false });
  await world.sql('drop trigger break_decision on submission');
  await world.restart();
  await expect(world.submit(account, { number })).rejects.toMatchObject({ code: 'verification_pending' });
  world.clock.offsetMs += 40_000;
  await waitFor(async () => (await world.view(account)).status === 'personal');
  await world.bus.waitFor(verificationApproved, account);
  expect(world.bus.of(verificationApproved, account)).toHaveLength(1);
  const [{ n } = { n: 0 }] = await world.sql<{ n: number }>(
    'select count(*)::int as n from submission where account_id = $1',
    [account],
  );
  expect(n).toBe(1);
});

test('no name and no number in any log line, event, or row of the database, nor a plain digest of a request', async () => {
  const names = ['张三', '阿依古丽'];
  const numbers = Array.from({ length: people }, (_, i) => numberOf(i + 1));
  // Of a number, a person, or a whole submission there are few enough that a digest without a key is as good as the text.
  const requests = numbers.flatMap((number) => {
    const body = world.bodyOf({ number });
    return [
      number,
      `张三${number}`,
      JSON.stringify(body),
      canonicalRequest(submitPersonalVerification.id, {}, {}, body),
    ];
  });
  const digests = requests.flatMap((text) => {
    const digest = createHash('sha256').update(text).digest();
    return [digest.toString('hex'), digest.toString('base64'), digest.toString('base64url')];
  });
  const logged = world.lines.join('\n');
  expect(world.lines.length).toBeGreaterThan(50);
  const events = JSON.stringify(world.bus.published);
  const tables = await world.sql<{ table_name: string }>(
    `select table_name from information_schema.tables where table_schema = 'public'`,
  );
  const stored: string[] = [];
  for (const { table_name } of tables)
    stored.push(JSON.stringify(await world.sql(`select t::text from "${table_name}" t`)));
  for (const text of [logged, events, stored.join('\n')])
    for (const secret of [...names, ...numbers]) {
      expect(text.includes(secret)).toBe(false);
      expect(text.includes(Buffer.from(secret).toString('hex'))).toBe(false);
      expect(text.includes(encodeURIComponent(secret))).toBe(false);
    }
  const kept = stored.join('\n');
  expect(kept).toContain('user:acc_');
  expect(digests.filter((digest) => kept.includes(digest))).toEqual([]);
});

test('what the registry answers is counted by outcome, and somebody is told of its outage', async () => {
  const metrics = async () => (await fetch(`${world.service.internalUrl}/metrics`)).text();
  const outages = async () =>
    Number(/^verification_registry_answers_total\{outcome="provider_unavailable"\} (\d+)$/m.exec(await metrics())?.[1]);
  expect(unheardAlarms(await metrics(), 'verification_')).toEqual([]);
  const before = await outages();
  world.registry.tell(() => ({ status: 500 }));
  await expect(world.submit(world.newAccount(), { number: nextNumber() })).rejects.toMatchObject({ status: 503 });
  expect(await outages()).toBe(before + 1);
});
