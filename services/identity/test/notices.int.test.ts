// Notices by SMS: what they count for when their provider does not take them, and who goes first.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { setPassword } from '@meridian/contracts/identity.ts';
import { claimNotice } from '../src/notices/notice.store.ts';
import { withOwnDatabase } from './support/own-database.ts';
import { type Stand, startStand, waitFor } from './support/stand.ts';
import { hour, setUp } from './support/tickets.ts';

describe('notices by SMS', () => {
  let stand: Stand;
  let t: ReturnType<typeof setUp>;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    t = setUp(stand, 'phone');
  }, 60_000);
  afterEach(() => stand.control('sms', {}));
  afterAll(() => stand?.stop());

  const counted = async (scopes: string): Promise<number> => {
    const query = 'select coalesce(sum(count), 0)::int as n from limit_count where scope like $1';
    return (await stand.pool.query(query, [scopes])).rows[0].n;
  };
  const failures = async (accountId: string): Promise<number | undefined> =>
    (await stand.pool.query('select attempts from notice where account_id = $1', [accountId])).rows[0]?.attempts;
  const changePassword = (token: string) =>
    stand.ask(setPassword, { token, body: { password: 'correct horse battery' } });
  const arrived = async (to: string, what: string) =>
    (await stand.messages(to)).filter(({ code, text }) => code === null && text.includes(what)).length;

  test('a provider that cannot be reached costs nobody anything', async () => {
    const person = await t.newPerson();
    const { SMS_ENDPOINT } = stand.env;
    await stand.stopService();
    stand.env.SMS_ENDPOINT = 'http://127.0.0.1:9';
    await stand.start();
    try {
      const before = await counted('%');
      await changePassword(person.accessToken);
      await waitFor('the failure', async () => (await failures(person.accountId)) === 1);
      expect(await counted('%')).toBe(before);
      const figures = await (await fetch(`${stand.urls().internalUrl}/metrics`)).text();
      expect(figures).toMatch(/identity_notices_total\{[^}]*outcome="refused"[^}]*\} [1-9]/);
    } finally {
      await stand.stopService();
      stand.env.SMS_ENDPOINT = SMS_ENDPOINT;
      await stand.start();
    }
    stand.moveClock(6_000);
    await waitFor('the notice', async () => (await arrived(person.identifier.value, '密码')) === 1);
  });

  test('one whose answer was lost may have arrived: it counts, and so does the next', async () => {
    const person = await t.newPerson();
    const before = [await counted('total'), await counted('account:notices:%')] as const;
    await stand.control('sms', { loseAnswer: { times: 1 } });
    await changePassword(person.accessToken);
    await waitFor('the failure', async () => (await failures(person.accountId)) === 1);
    stand.moveClock(6_000);
    await waitFor('nothing on its way', async () => (await failures(person.accountId)) === undefined);
    expect(await arrived(person.identifier.value, '密码')).toBe(2);
    expect([await counted('total'), await counted('account:notices:%')]).toEqual([before[0] + 2, before[1] + 2]);
  });

  test('a stop code without an answer is sent twelve times at most, and each of them counts', async () => {
    const person = await t.newPerson();
    const before = await counted('total');
    await stand.control('sms', { loseAnswer: {} });
    await t.open(person.identifier);
    for (let failed = 1; failed < 12; failed += 1) {
      await waitFor(`failure ${failed}`, async () => (await failures(person.accountId)) === failed);
      stand.moveClock(hour);
    }
    await waitFor('the end of it', async () => (await failures(person.accountId)) === undefined);
    expect(await arrived(person.identifier.value, '终止')).toBe(12);
    expect(await counted('total')).toBe(before + 12);
    expect(stand.logged.join('')).toContain('a notice is given up: it may have arrived many times');
  });

  /** Due since then. */
  const insertNotice = (accountId: string, kind: string, channel: 'phone' | 'email', at: Date, dueAt = at) =>
    stand.pool.query(
      "insert into notice (id, account_id, kind, channel, sealed_to, language, happened_at, next_attempt_at) values ($1, $2, $3, $4, '', 'en', $5, $6)",
      [`ntc_${kind}_${channel}`, accountId, kind, channel, at, dueAt],
    );

  test('what stops a recovery goes before what waits for longer, each channel by itself', async () => {
    const { accountId } = await t.newPerson();
    await waitFor('nothing on its way', async () => (await stand.pool.query('select 1 from notice')).rowCount === 0);
    await stand.stopService();
    const ago = (minutes: number) => new Date(stand.now().getTime() - minutes * 60_000);
    await insertNotice(accountId, 'password_changed', 'phone', ago(30));
    await insertNotice(accountId, 'totp_on', 'phone', ago(20));
    await insertNotice(accountId, 'recovery_started', 'phone', ago(10));
    await insertNotice(accountId, 'totp_off', 'email', ago(40));
    await withOwnDatabase(stand, async (db) => {
      const next = (channel: 'phone' | 'email') => db.transaction((tx) => claimNotice(tx, channel, stand.now()));
      for (const kind of ['recovery_started', 'password_changed', 'totp_on'])
        expect(await next('phone')).toMatchObject({ kind });
      expect(await next('phone')).toBeUndefined();
      expect(await next('email')).toMatchObject({ kind: 'totp_off' });
    });
    await stand.pool.query('delete from notice');
    await stand.start();
  });

  test('while the provider of SMS hangs, e-mail is served', async () => {
    const people = [await t.newPerson(), await t.newPerson(), await t.newPerson()];
    await stand.control('sms', { slowMs: 4_000 });
    for (const { accessToken } of people) await changePassword(accessToken);
    const byPhone = async () => (await stand.pool.query("select 1 from notice where channel = 'phone'")).rowCount;
    expect(await byPhone()).toBe(3);
    // Due after those by SMS, and too old to be sent: it goes as soon as its turn comes.
    const now = stand.now();
    await insertNotice(people[0]?.accountId ?? '', 'totp_on', 'email', new Date(now.getTime() - 4 * 86_400_000), now);
    const left = () => stand.pool.query("select 1 from notice where channel = 'email'");
    await waitFor('the end of the e-mail', async () => (await left()).rowCount === 0, 30_000);
    expect(await byPhone()).toBeGreaterThan(1);
  });
});
