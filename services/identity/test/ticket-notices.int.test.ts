// That the owner of an account hears of a ticket, whatever goes wrong in between.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addContact, changeProfile, sendContactCode } from '@meridian/contracts/identity.ts';
import { startRecovery, stopRecovery } from '@meridian/contracts/identity-recovery.ts';
import { createCodeSecrets } from '../src/codes/code-secrets.ts';
import { type Stand, startStand, waitFor } from './support/stand.ts';
import { setUp } from './support/tickets.ts';

describe('the notice of a ticket', () => {
  let stand: Stand;
  let t: ReturnType<typeof setUp>;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    t = setUp(stand, 'phone');
  }, 60_000);
  afterAll(() => stand?.stop());

  test('reaches the owner with its stop code also when staff approved before the job came to the ticket', async () => {
    const people = [await t.newPerson(), await t.newPerson()] as const;
    const holder = await stand.pool.connect();
    try {
      await holder.query('begin');
      await holder.query('select 1 from account where id = $1 for no key update', [people[0].accountId]);
      const first = await t.open(people[0].identifier);
      // The job has found the first ticket and waits for its account; the second it can only find when it is approved already.
      await waitFor('the job to wait', async () => {
        const { rows } = await stand.pool.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return rows.length > 0;
      });
      const second = await t.open(people[1].identifier);
      for (const { ticketId } of [first, second]) await t.decide(ticketId, 'approved');
    } finally {
      await holder.query('commit');
      holder.release();
    }
    for (const { accountId, identifier } of people) {
      const [, stopCode = ''] = await t.help.noticeAt(identifier.value, /终止码 ([0-9A-Z-]{19})/);
      expect((await stand.ask(stopRecovery, { body: { stopCode } })).status).toBe(204);
      const { rows } = await stand.pool.query(
        "select kind from security_log where account_id = $1 and kind like 'recovery%' order by kind",
        [accountId],
      );
      expect(rows.map(({ kind }) => kind)).toEqual(['recovery_approved', 'recovery_started', 'recovery_stopped']);
    }
  });

  test('reaches an owner who chose English by SMS, too', async () => {
    const person = await t.newPerson();
    await stand.ask(changeProfile, { token: person.accessToken, body: { language: 'en' } });
    await t.open(person.identifier);
    const [, stopCode = ''] = await t.help.noticeAt(person.identifier.value, /stop recovery: ([0-9A-Z-]{19})/);
    expect((await stand.ask(stopRecovery, { body: { stopCode } })).status).toBe(204);
  });

  test("staff's token is given up with its recovery when limits hold it back: nobody is sent one that is good for nothing", async () => {
    const person = await t.newPerson();
    const secrets = createCodeSecrets(stand.env.IDENTIFIER_PEPPER ?? '', stand.env.CODE_PEPPER ?? '');
    const scope = secrets.accountScope('notices', person.accountId);
    await stand.pool.query('insert into limit_count values ($1, $2, 15)', [scope, stand.now()]);
    const token = await stand.staffToken(['support']);
    await stand.ask(startRecovery, { token, body: { accountId: person.accountId, reason: 'Asked on the phone' } });
    const held = async () => {
      const { rows } = await stand.pool.query(
        "select next_attempt_at > $2 as waits from notice where account_id = $1 and kind = 'recovery_offered'",
        // Beyond the lease of an attempt: this one has ended.
        [person.accountId, new Date(stand.now().getTime() + 61_000)],
      );
      return rows;
    };
    await waitFor('it to be held back', async () => (await held())[0]?.waits === true);
    stand.moveClock(60 * 60_000 + 2_000);
    await waitFor('the end of it', async () => (await held()).length === 0);
    expect((await stand.messages(person.identifier.value)).filter(({ text }) => text.includes('客服'))).toEqual([]);
  });

  test('counts every SMS against the spend breaker, one of them before there is anybody to tell', async () => {
    const person = await t.newPerson();
    const numbers = [person.identifier, ...Array.from({ length: 2 }, () => stand.identifiers.phone())];
    for (const identifier of numbers.slice(1)) {
      const code = await t.help.codeFrom(identifier.value, () =>
        stand.ask(sendContactCode, { token: person.accessToken, body: { identifier } }),
      );
      await stand.ask(addContact, {
        token: person.accessToken,
        body: { identifier, codeId: code.codeId, code: code.code },
      });
    }
    await waitFor('nothing on its way', async () => (await stand.pool.query('select 1 from notice')).rowCount === 0);
    const counted = async () =>
      (await stand.pool.query("select sum(count)::int as n from limit_count where scope = 'total'")).rows[0]?.n;
    const before = await counted();
    await t.open(stand.identifiers.phone());
    expect(await counted()).toBe(before + 1);
    await t.open(person.identifier);
    for (const { value } of numbers) await t.help.noticeAt(value, /终止/);
    await waitFor('all of them to be counted', async () => (await counted()) === before + 1 + numbers.length);
  });
});
