// What an operator rotates, and what goes with time.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unheardAlarms } from '@meridian/testkit/service/unheard-alarms.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { startModeration } from '../src/service.ts';
import { startWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

test('a service without the version of the key that a case was sealed under does not start, and names it', async () => {
  await world.say(world.newAccount(), 'with neutral-protect in it');
  const next = `2:${randomBytes(32).toString('base64')}`;
  const start = (CASE_KEY: string) =>
    startModeration({ ...world.env, CASE_KEY }, { now: world.now, ...world.bus.overrides });
  await expect(start(next)).rejects.toMatchObject({
    code: 'invalid_configuration',
    mistakes: ['CASE_KEY lacks version 1, under which data is sealed: add it again'],
  });
  await (await start(`${next},1:${world.env.CASE_KEY}`)).stop();
});

test.each([
  [
    'strike',
    `insert into strike (account_id, request_id, fingerprint, rule_id, rule_version, weight, counts, counted_at)
     select 'old', 'r', 'f', 'note', 1, 1, true, now() - interval '91 days' from generate_series(1, 12000)`,
  ],
  [
    'counted_fingerprint',
    `insert into counted_fingerprint (account_id, fingerprint, counted_at)
     select 'old', lpad(to_hex(i), 64, '0'), now() - interval '3 days' from generate_series(1, 12000) i`,
  ],
  [
    'case_reading',
    `insert into case_reading (at, staff_id, case_ids)
     select now() - interval '20 years', 'old', array['c'] from generate_series(1, 12000)`,
  ],
])('all of %s that is over goes at once, and nothing else', async (table, fill) => {
  await world.say(world.newAccount(), `something neutral-note to keep, beside old rows of ${table}`);
  const count = async (where: string) =>
    (await world.sql<{ n: number }>(`select count(*)::int as n from ${table} where ${where}`))[0]?.n;
  const old = table === 'case_reading' ? `staff_id = 'old'` : `account_id = 'old'`;
  const kept = await count(`not (${old})`);
  await world.sql(fill);
  expect(await count(old)).toBe(12_000);
  // It is looked for at every start.
  await world.restart();
  await waitFor(async () => (await count(old)) === 0);
  expect(await count(`not (${old})`)).toBe(kept);
});

test('a case that nobody decided in time is counted, and somebody is told', async () => {
  const overdue = async () => {
    const told = await (await fetch(`${world.service.internalUrl}/metrics`)).text();
    expect(unheardAlarms(told, 'moderation_')).toEqual([]);
    return Number(/^moderation_overdue_cases (\d+)$/m.exec(told)?.[1]);
  };
  const account = world.newAccount();
  await world.say(account, 'with another neutral-protect in it');
  await world.restart();
  await waitFor(async () => (await overdue()) === 0);
  world.clock.offsetMs += 25 * 3_600_000;
  await world.restart();
  // That of this account, and of the first test.
  await waitFor(async () => (await overdue()) === 2);
  await world.decide('sta_a', (await world.view(account)).caseId as string, 'uphold');
  await world.restart();
  await waitFor(async () => (await overdue()) === 1);
});
