import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createSession,
  endAllSessions,
  getAccount,
  type Identifier,
  introspectToken,
  refreshSession,
  removeContact,
  setPassword,
  signInByPassword,
} from '@meridian/contracts/identity.ts';
import {
  listRecoveries,
  proveRecovery,
  sendTicketCode,
  startRecovery,
  stopOwnRecoveries,
  stopRecovery,
} from '@meridian/contracts/identity-recovery.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';
import { type StatementLog, startStatementLog } from './support/statement-log.ts';
import { hour, realName, setUp } from './support/tickets.ts';

describe('tickets where a real name speaks for the person', () => {
  let stand: Stand;
  let t: ReturnType<typeof setUp>;
  let log: StatementLog;
  beforeAll(async () => {
    log = startStatementLog();
    stand = await startStand({ region: 'cn' });
    t = setUp(stand, 'phone', log);
  }, 60_000);
  afterAll(async () => {
    log.stop();
    await stand?.stop();
  });
  beforeEach(() => stand.participants.down.clear());

  const verifiedPerson = async () => {
    const person = await t.newPerson();
    stand.participants.persons.set(person.accountId, realName);
    return person;
  };

  test('a match rests for the cooling-off, then the new number is proven and is the only way in', async () => {
    const person = await verifiedPerson();
    await stand.ask(setPassword, { token: person.accessToken, body: { password: 'the password of before' } });
    const ticket = await t.openHeard(person.identifier, { realName });
    await t.help.noticeAt(person.identifier.value, /找回/);
    expect(await t.status(ticket.ticketToken)).toBe('cooling_off');
    expect(
      await problemOf(t.completeWith(ticket, { codeId: `cod_cn_${'0'.repeat(26)}`, code: '123456' })),
    ).toMatchObject({
      code: 'recovery_not_ready',
      status: 409,
    });
    stand.moveClock(t.cooling);
    expect(await t.status(ticket.ticketToken)).toBe('ready');
    const { body } = await t.complete(ticket, { password: 'the password from now on' });
    expect(body).toMatchObject({ accountId: person.accountId, created: false });
    expect(await t.status(ticket.ticketToken)).toBe('completed');
    const { contacts } = (await stand.ask(getAccount, { token: body.accessToken })).body;
    expect(contacts).toHaveLength(1);
    for (const to of [person.identifier.value, ticket.contact.value]) await t.help.noticeAt(to, /已被找回/);
    expect(await problemOf(stand.ask(refreshSession, { body: { refreshToken: person.refreshToken } }))).toMatchObject({
      code: 'refresh_invalid',
    });
    const byPassword = (identifier: Identifier, password: string) =>
      stand.ask(signInByPassword, { body: { identifier, password } });
    expect(await problemOf(byPassword(ticket.contact, 'the password of before'))).toMatchObject({
      code: 'credentials_invalid',
    });
    expect((await byPassword(ticket.contact, 'the password from now on')).body.accountId).toBe(person.accountId);
    const token = await stand.issuer.serviceToken({ caller: 'key-issuance', audience: 'identity' });
    const { body: answer } = await stand.ask(introspectToken, { token, body: { token: body.accessToken } });
    expect(answer).toMatchObject({ active: true, restricted_until: expect.any(String) });
    stand.moveClock(61_000);
    expect((await stand.signIn(person.identifier)).accountId).not.toBe(person.accountId);
  });

  test('stop by owner: the code in the notice stops it in one step; whoever opened it learns nothing', async () => {
    const person = await verifiedPerson();
    const ticket = await t.open(person.identifier, { realName });
    const [, stopCode = ''] = await t.help.noticeAt(person.identifier.value, /终止码 ([0-9A-Z-]{19})/);
    const stop = () => stand.ask(stopRecovery, { body: { stopCode } });
    expect((await stop()).status).toBe(204);
    expect(await problemOf(stop())).toMatchObject({ code: 'recovery_invalid' });
    expect(await t.status(ticket.ticketToken)).toBe('cooling_off');
    stand.moveClock(t.cooling);
    expect(await t.status(ticket.ticketToken)).toBe('in_review');
    expect(await problemOf(t.codeFor(ticket))).toMatchObject({ code: 'recovery_not_ready' });
    const { rows } = await stand.pool.query(
      "select method from security_log where account_id = $1 and kind = 'recovery_stopped'",
      [person.accountId],
    );
    expect(rows).toEqual([{ method: 'notice' }]);
  });

  test('stop by owner: signed in, also after the cooling-off has ended', async () => {
    const person = await verifiedPerson();
    const ticket = await t.open(person.identifier, { realName });
    stand.moveClock(t.cooling);
    const owner = await stand.signIn(person.identifier);
    expect((await stand.ask(stopOwnRecoveries, { token: owner.accessToken })).body).toEqual({ stopped: 1 });
    expect(await problemOf(t.codeFor(ticket))).toMatchObject({ code: 'recovery_not_ready' });
  });

  test.each<[string, (token: string) => Promise<unknown>]>([
    ['a sign-out everywhere', (token) => stand.ask(endAllSessions, { token, query: {} })],
    ['another address', (token) => t.addAddress(token)],
    ['a password', (token) => stand.ask(setPassword, { token, body: { password: 'a password of my own' } })],
  ])('stop by owner: %s stops it, too', async (_, change) => {
    const person = await verifiedPerson();
    const ticket = await t.openHeard(person.identifier, { realName });
    await change(person.accessToken);
    const { rows } = await stand.pool.query('select state from recovery_ticket where id = $1', [ticket.ticketId]);
    expect(rows).toEqual([{ state: 'stopped' }]);
    stand.moveClock(t.cooling);
    expect(await problemOf(t.codeFor(ticket))).toMatchObject({ code: 'recovery_not_ready' });
  });

  test('no match leaves it to staff, and says so to nobody else', async () => {
    const person = await verifiedPerson();
    const ticket = await t.open(person.identifier, { realName: { ...realName, name: '李四' } });
    stand.moveClock(t.cooling);
    expect(await t.status(ticket.ticketToken)).toBe('in_review');
    const token = await stand.staffToken(['support']);
    const { items } = (await stand.ask(listRecoveries, { token, query: { accountId: person.accountId } })).body;
    expect(items).toMatchObject([{ ticketId: ticket.ticketId, realName: 'no_match', status: 'in_review' }]);
    const stored = await stand.pool.query('select t::text as row from recovery_ticket t');
    expect(JSON.stringify(stored.rows)).not.toContain(realName.number);
    expect(stand.logged.join('')).not.toContain(realName.number);
  });

  test('an account that lost its number is recovered by its id', async () => {
    const person = await verifiedPerson();
    const ticket = await t.openHeard({ kind: 'account', value: person.accountId }, { realName });
    stand.moveClock(t.cooling);
    expect((await t.complete(ticket)).body.accountId).toBe(person.accountId);
  });

  test('where the owner cannot hear of it, a match alone opens nothing: staff decide', async () => {
    const idle = await verifiedPerson();
    stand.moveClock(61 * 24 * hour);
    const detached = await verifiedPerson();
    await stand.pool.query('delete from contact where account_id = $1', [detached.accountId]);
    const tickets = [
      await t.open(idle.identifier, { realName }),
      await t.open({ kind: 'account', value: detached.accountId }, { realName }),
    ];
    stand.moveClock(t.cooling);
    for (const ticket of tickets) {
      expect(await t.status(ticket.ticketToken)).toBe('in_review');
      await t.decide(ticket.ticketId, 'approved');
      expect((await t.complete(ticket)).status).toBe(201);
    }
  });

  test('concurrent completion of one ticket: exactly one', async () => {
    const person = await verifiedPerson();
    const ticket = await t.openHeard(person.identifier, { realName });
    stand.moveClock(t.cooling);
    const code = await t.codeFor(ticket);
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => t.completeWith(ticket, code)));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
  });

  test('another address than the one it was opened with gets no code and completes nothing', async () => {
    const person = await verifiedPerson();
    const ticket = await t.openHeard(person.identifier, { realName });
    stand.moveClock(t.cooling);
    const other = { ticketToken: ticket.ticketToken, contact: stand.identifiers.phone() };
    const { body } = await stand.ask(sendTicketCode, { body: other });
    await t.help.nothingOnItsWay('phone');
    expect(await stand.messages(other.contact.value)).toEqual([]);
    expect(await problemOf(t.completeWith(other, { codeId: body.codeId, code: '123456' }))).toMatchObject({
      code: 'code_invalid',
    });
  });

  test('pretends the address exists: tickets of known and unknown accounts answer alike, from begin to end, after the same statements', async () => {
    let n = 0;
    const walk = async (account: Identifier | { kind: 'account'; value: string }, message?: string) => {
      n += 1;
      const post = (path: string, body: object) => t.help.rawPost(path, body, `203.1.${n}.1`);
      const contact = stand.identifiers.phone();
      const given = { account, contact, realName: { ...realName, name: '王五' }, ...(message && { message }) };
      const seen = [await post('/v1/recovery-tickets', given)];
      const { ticketToken } = await t.open(account, { realName: given.realName, contact });
      const code = { ticketToken, contact };
      const identifier = { identifier: contact, codeId: `cod_cn_${'0'.repeat(26)}`, code: '123456' };
      const afterwards = async () => {
        seen.push(await post('/v1/recovery-tickets/status', { ticketToken }));
        seen.push(await post('/v1/recovery-tickets/codes', code));
        seen.push(await post('/v1/recovery-tickets/completion', { ticketToken, contact: identifier }));
      };
      await afterwards();
      seen.push(await post('/v1/recovery-tickets', given));
      // The fourth of a day.
      seen.push(await post('/v1/recovery-tickets', given));
      for (const move of [t.cooling, 7 * 24 * hour]) {
        stand.moveClock(move);
        await afterwards();
      }
      return seen;
    };
    const unknown = await walk(stand.identifiers.phone(), 'help');
    expect(await walk((await verifiedPerson()).identifier, 'help')).toEqual(unknown);
    const idle = await verifiedPerson();
    stand.moveClock(61 * 24 * hour);
    expect(await walk(idle.identifier, 'help')).toEqual(unknown);
    const value = (await verifiedPerson()).accountId;
    const nobody = await walk({ kind: 'account', value: `${value.slice(0, -4)}ZZZZ` });
    expect(await walk({ kind: 'account', value })).toEqual(nobody);
    expect(unknown.map(({ status }) => status)).toEqual([202, 200, 409, 409, 202, 429, 200, 409, 409, 200, 401, 401]);
    // Nothing was compared if nothing was heard.
    for (const { statements } of unknown) expect(statements?.length).toBeGreaterThan(0);
  }, 60_000);

  test('a full spend breaker keeps the stop code from nobody', async () => {
    const person = await verifiedPerson();
    const lastFree = `select $1::timestamptz, 3000 - (select coalesce(sum(count), 0) from limit_count where scope = 'total' and slot > $1::timestamptz - interval '1 hour') - 1`;
    await stand.pool.query(
      `insert into limit_count (scope, slot, count) select 'total', * from (${lastFree}) as free`,
      [new Date(stand.now().getTime() + 120_000)],
    );
    try {
      await t.openHeard(person.identifier, { realName });
      await t.help.noticeAt(person.identifier.value, /终止码 ([0-9A-Z-]{19})/);
      // It was the last one there was room for: no ticket is opened whose owner could not be told.
      expect(await problemOf(t.open(person.identifier, { realName }))).toMatchObject({ code: 'code_limit_reached' });
    } finally {
      await stand.pool.query("delete from limit_count where scope = 'total'");
    }
  });

  test('while no provider takes the notice a match alone opens nothing: staff decide; the stop code is tried until the ticket ends', async () => {
    const person = await verifiedPerson();
    await t.noNoticeWaits();
    await stand.control('sms', { answer: { code: 'isv.BUSINESS_LIMIT_CONTROL', times: 6 } });
    const ticket = await t.open(person.identifier, { realName });
    const failures = async (n: number) => {
      const { rows } = await stand.pool.query('select attempts from notice where account_id = $1', [person.accountId]);
      return rows[0]?.attempts === n;
    };
    for (const failed of [1, 2, 3, 4, 5]) {
      await waitFor(`failure ${failed}`, () => failures(failed));
      stand.moveClock(600_000);
    }
    await waitFor('failure 6', () => failures(6));
    stand.moveClock(t.cooling);
    // Days after every other notice would have been given up, an hour before the ticket ends.
    stand.moveClock(7 * 24 * hour - 2 * hour);
    const [, stopCode = ''] = await t.help.noticeAt(person.identifier.value, /终止码 ([0-9A-Z-]{19})/);
    expect(await t.status(ticket.ticketToken)).toBe('in_review');
    expect((await stand.ask(stopRecovery, { body: { stopCode } })).status).toBe(204);
  });

  test('an owner who hears of it when the cooling-off is well under way could not stop it: staff decide', async () => {
    const person = await verifiedPerson();
    await t.noNoticeWaits();
    await stand.control('sms', { answer: { code: 'isv.BUSINESS_LIMIT_CONTROL', times: 1 } });
    const ticket = await t.open(person.identifier, { realName });
    await waitFor('the failure', async () => {
      const query = 'select 1 from notice where account_id = $1 and attempts = 1';
      return (await stand.pool.query(query, [person.accountId])).rowCount === 1;
    });
    stand.moveClock(2 * hour);
    await t.help.noticeAt(person.identifier.value, /终止/);
    stand.moveClock(t.cooling);
    expect(await t.status(ticket.ticketToken)).toBe('in_review');
  });

  test('while verification is out nobody gets a verdict, known or unknown, and it costs nobody a ticket', async () => {
    const accounts = [(await verifiedPerson()).identifier, stand.identifiers.phone()];
    const counted = async () =>
      (await stand.pool.query("select sum(count)::int as n from limit_count where scope = 'total'")).rows[0]?.n;
    await t.noNoticeWaits();
    const before = await counted();
    stand.participants.down.add('verification');
    for (const account of accounts)
      for (let tries = 0; tries < 4; tries += 1)
        expect(await problemOf(t.open(account, { realName }))).toMatchObject({ status: 503 });
    expect(await counted()).toBe(before);
    stand.participants.down.clear();
    for (const account of accounts) expect((await t.open(account, { realName })).ticketId).toMatch(/^rtk_/);
  });
});

describe('tickets where staff decide', () => {
  let stand: Stand;
  let t: ReturnType<typeof setUp>;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
    t = setUp(stand, 'email');
  }, 60_000);
  afterAll(() => stand?.stop());

  test('it waits for an approval with a reason, which is audited and shortens nothing', async () => {
    const person = await t.newPerson();
    const ticket = await t.open(person.identifier, { message: 'My mailbox is gone', realName });
    expect((await t.decide(ticket.ticketId, 'approved')).body).toMatchObject({
      status: 'cooling_off',
      message: 'My mailbox is gone',
      realName: 'not_asked',
    });
    expect(await problemOf(t.decide(ticket.ticketId, 'refused'))).toMatchObject({ code: 'ticket_decided' });
    expect(await t.status(ticket.ticketToken)).toBe('cooling_off');
    expect(await problemOf(t.codeFor(ticket))).toMatchObject({ code: 'recovery_not_ready' });
    stand.moveClock(t.cooling);
    expect((await t.complete(ticket)).body.accountId).toBe(person.accountId);
    const { rows } = await stand.pool.query(
      'select staff_id, action, subject, reason from staff_audit where subject = $1',
      [ticket.ticketId],
    );
    expect(rows).toEqual([
      {
        staff_id: 'stf_test',
        action: 'recovery_approved',
        subject: ticket.ticketId,
        reason: 'Compared the passport with the invoice',
      },
    ]);
  });

  test('staff see contacts masked, no token, and only tickets of accounts that exist', async () => {
    const person = await t.newPerson();
    const unknown = await t.open(stand.identifiers.email());
    const ticket = await t.open(person.identifier);
    const token = await stand.staffToken(['support']);
    const { items } = (await stand.ask(listRecoveries, { token, query: { limit: 100 } })).body;
    expect(items.map((one) => one.ticketId)).toContain(ticket.ticketId);
    expect(items.map((one) => one.ticketId)).not.toContain(unknown.ticketId);
    expect(JSON.stringify(items)).not.toContain(ticket.contact.value);
    expect(JSON.stringify(items)).not.toContain(ticket.ticketToken);
    expect(await problemOf(t.decide(unknown.ticketId, 'approved'))).toMatchObject({ code: 'not_found' });
    const page = (await stand.ask(listRecoveries, { token, query: { limit: 1 } })).body;
    const nextPage = (await stand.ask(listRecoveries, { token, query: { limit: 1, cursor: page.next ?? '' } })).body;
    expect(nextPage.items[0]?.ticketId).not.toBe(page.items[0]?.ticketId);
  });

  test("whoever reads a person's own words leaves a line in the audit; tickets without a message leave none", async () => {
    const [silent, told] = [await t.newPerson(), await t.newPerson()];
    await t.open(silent.identifier);
    const ticket = await t.open(told.identifier, { message: 'I lost my phone on the train.' });
    const token = await stand.staffToken(['support'], 'stf_reader');
    for (const { accountId } of [silent, told]) {
      const { items } = (await stand.ask(listRecoveries, { token, query: { accountId } })).body;
      expect(items.map(({ message }) => message)).toEqual([accountId === told.accountId ? expect.any(String) : null]);
    }
    const { rows } = await stand.pool.query(
      "select action, subject, reason from staff_audit where staff_id = 'stf_reader'",
    );
    expect(rows).toEqual([{ action: 'recovery_read', subject: ticket.ticketId, reason: null }]);
  });

  test('a ticket leaves no credential of before: neither password nor authenticator, nor the recovery codes', async () => {
    const person = await t.newPerson();
    const password = 'the password of before';
    await stand.ask(setPassword, { token: person.accessToken, body: { password } });
    await t.help.withTotp(person.accessToken);
    const ticket = await t.open(person.identifier);
    await t.decide(ticket.ticketId, 'approved');
    stand.moveClock(t.cooling);
    await t.complete(ticket);
    const byPassword = stand.ask(signInByPassword, { body: { identifier: ticket.contact, password } });
    expect(await problemOf(byPassword)).toMatchObject({ code: 'credentials_invalid' });
    stand.moveClock(61_000);
    const code = await stand.codeFor(ticket.contact);
    const { body } = await stand.ask(createSession, { body: { ...code, identifier: ticket.contact } });
    expect(body.accountId).toBe(person.accountId);
    const { rows } = await stand.pool.query(
      'select (select count(*) from recovery_code where account_id = $1)::int + (select count(*) from known_device where account_id = $1)::int as left',
      [person.accountId],
    );
    expect(rows).toEqual([{ left: 1 }]);
  });

  test('a refused ticket completes nothing, and reads to its opener as one for an unknown account does', async () => {
    const person = await t.newPerson();
    const [ticket, unknown] = [await t.open(person.identifier), await t.open(stand.identifiers.email())];
    await t.decide(ticket.ticketId, 'refused');
    for (const move of [0, t.cooling, 7 * 24 * hour]) {
      stand.moveClock(move);
      expect(await t.status(ticket.ticketToken)).toBe(await t.status(unknown.ticketToken));
    }
  });

  test('other roles may do nothing here', async () => {
    for (const roles of [[], ['reviewer'], ['finance']] as const)
      expect(
        await problemOf(stand.ask(listRecoveries, { token: await stand.staffToken(roles), query: {} })),
      ).toMatchObject({ code: 'forbidden', status: 403 });
  });

  test('staff start a recovery; its token goes to the addresses of the account and to nobody else', async () => {
    const person = await t.newPerson();
    const token = await stand.staffToken(['support']);
    const start = (accountId: string) =>
      stand.ask(startRecovery, { token, body: { accountId, reason: 'Called from the number on the invoice' } });
    const { body } = await start(person.accountId);
    expect(body).toMatchObject({ addressesTold: 1 });
    const [, recoveryToken = ''] = await t.help.noticeAt(person.identifier.value, /go on with ([A-Za-z0-9_-]{22}) at/);
    expect(JSON.stringify(body)).not.toContain(recoveryToken);
    const { rows } = await stand.pool.query(
      'select n::text as row from notice n union all select r::text from recovery r',
    );
    expect(JSON.stringify(rows)).not.toContain(recoveryToken);
    expect(stand.logged.join('')).not.toContain(recoveryToken);
    const { completeRecovery } = await import('@meridian/contracts/identity-recovery.ts');
    const done = await stand.ask(completeRecovery, { body: { recoveryToken, password: 'one that I chose myself' } });
    expect(done.body.accountId).toBe(person.accountId);
    const audit = await stand.pool.query('select action, reason from staff_audit where subject = $1', [
      person.accountId,
    ]);
    expect(audit.rows).toEqual([{ action: 'recovery_started', reason: 'Called from the number on the invoice' }]);
    expect(await problemOf(start(`${person.accountId.slice(0, -4)}ZZZZ`))).toMatchObject({ code: 'not_found' });
  });

  test.each<[string, (token: string, oldId: string) => Promise<unknown>]>([
    ['signed out everywhere', (token) => stand.ask(endAllSessions, { token, query: {} })],
    [
      'removed an address that it went to',
      (token, contactId) => stand.ask(removeContact, { token, params: { contactId } }),
    ],
  ])('what staff started opens nothing once the owner has %s', async (_, change) => {
    const person = await t.newPerson();
    const { contacts } = (await stand.ask(getAccount, { token: person.accessToken })).body;
    await t.addAddress(person.accessToken);
    const token = await stand.staffToken(['support']);
    await stand.ask(startRecovery, { token, body: { accountId: person.accountId, reason: 'Asked by mail' } });
    const [, recoveryToken = ''] = await t.help.noticeAt(person.identifier.value, /go on with ([A-Za-z0-9_-]{22}) at/);
    await change(person.accessToken, contacts[0]?.contactId ?? '');
    const { completeRecovery } = await import('@meridian/contracts/identity-recovery.ts');
    const complete = stand.ask(completeRecovery, { body: { recoveryToken, password: 'one that I chose myself' } });
    expect(await problemOf(complete)).toMatchObject({ code: 'recovery_invalid' });
  });

  test('what staff started still asks for the second factor that is on', async () => {
    const person = await t.newPerson();
    const { codeNow } = await t.help.withTotp(person.accessToken);
    const token = await stand.staffToken(['admin']);
    await stand.ask(startRecovery, { token, body: { accountId: person.accountId, reason: 'Asked by mail' } });
    const [, recoveryToken = ''] = await t.help.noticeAt(person.identifier.value, /go on with ([A-Za-z0-9_-]{22}) at/);
    const { completeRecovery } = await import('@meridian/contracts/identity-recovery.ts');
    const complete = () =>
      stand.ask(completeRecovery, { body: { recoveryToken, password: 'one that I chose myself' } });
    expect(await problemOf(complete())).toMatchObject({ code: 'recovery_not_proven' });
    await stand.ask(proveRecovery, { body: { recoveryToken, proof: { method: 'totp', code: codeNow(1) } } });
    expect((await complete()).status).toBe(201);
  });

  test('erasure leaves nothing of recoveries and tickets, nor of those that named the address before it had an account', async () => {
    const identifier = stand.identifiers.email();
    await t.open(stand.identifiers.email(), { contact: identifier });
    const { eraseRecoveries } = await import('../src/recovery/erase-recoveries.ts');
    const { createDatabase } = await import('@meridian/kit/db/database.ts');
    const { createLog } = await import('@meridian/kit/telemetry/log.ts');
    const person = await stand.signIn(identifier);
    await t.open(person.identifier);
    stand.moveClock(61_000);
    const { beginRecovery } = await import('@meridian/contracts/identity-recovery.ts');
    await stand.ask(beginRecovery, { body: { account: person.identifier } });
    const log = createLog({ service: 'test', region: 'global', level: 'silent' });
    const db = createDatabase<import('../src/db/schema.ts').IdentitySchema>({
      url: stand.env.DATABASE_URL ?? '',
      poolSize: 1,
      log,
      applicationName: 'test',
    });
    try {
      const { rows } = await stand.pool.query<{ blind_index: string }>(
        'select blind_index from contact where account_id = $1',
        [person.accountId],
      );
      const indexes = rows.map((row) => row.blind_index);
      expect(await db.transaction((tx) => eraseRecoveries(tx, person.accountId, indexes))).toBe(3);
      const left = await stand.pool.query(
        'select 1 from recovery where account_id = $1 or identifier_hash = any($2) union all select 1 from recovery_ticket where account_id = $1 or contact_hash = any($2)',
        [person.accountId, indexes],
      );
      expect(left.rows).toEqual([]);
    } finally {
      await db.close();
    }
  });

  test('a ticket does not outlive a sign-in of its person as somebody new: the address is taken', async () => {
    const person = await t.newPerson();
    const ticket = await t.open(person.identifier);
    await t.decide(ticket.ticketId, 'approved');
    stand.moveClock(t.cooling);
    await stand.signIn(ticket.contact);
    expect(await problemOf(t.complete(ticket))).toMatchObject({ code: 'contact_taken', status: 409 });
    stand.moveClock(61_000);
    const code = await stand.codeFor(person.identifier);
    const again = await stand.ask(createSession, { body: { ...code, identifier: person.identifier } });
    expect(again.body.accountId).toBe(person.accountId);
  });
});
