import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  addContact,
  createSession,
  getAccount,
  type Identifier,
  sendContactCode,
} from '@meridian/contracts/identity.ts';
import {
  beginRecovery,
  completeRecovery,
  completeSecondProof,
  disownAccount,
  proveRecovery,
  sendRecoveryCode,
  sendSecondProofCode,
  startRecovery,
} from '@meridian/contracts/identity-recovery.ts';
import { profiles } from '@meridian/regions/region.ts';
import { someoneWaits } from './support/lock-wait.ts';
import { helpers } from './support/recovery-people.ts';
import { problemOf, type Stand, startStand } from './support/stand.ts';

const day = 86_400_000;
const realName = { name: '张三', number: '440304199001010011' };
type Doubted = { code: string; status: number; problem: { challenge: string; proofs: string[]; helpCentre: string } };

describe('numbers that changed hands', () => {
  let stand: Stand;
  let help: ReturnType<typeof helpers>;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    help = helpers(stand);
  }, 60_000);
  afterAll(() => stand?.stop());
  beforeEach(() => stand.participants.down.clear());

  const newPerson = () => stand.signIn(stand.identifiers.phone());
  const byCode = async (identifier: Identifier, more: object = {}) => {
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier);
    return stand.ask(createSession, { body: { ...code, identifier, ...more } });
  };
  /** A person not seen for `days`, and what signing in by the number then answers. */
  const doubted = async (identifier: Identifier) => (await problemOf(byCode(identifier))) as unknown as Doubted;
  const idle = async (person: { identifier: Identifier }) => {
    stand.moveClock(61 * day);
    return doubted(person.identifier);
  };
  const prove = (
    challenge: string,
    proof: Parameters<typeof stand.ask<typeof completeSecondProof>>[1]['body']['proof'],
  ) => stand.ask(completeSecondProof, { body: { challenge, proof } });
  const disown = (challenge: string, termsVersion = stand.termsVersion) =>
    stand.ask(disownAccount, { body: { challenge, termsVersion } });
  const addSecond = async (token: string) => {
    const identifier = stand.identifiers.phone();
    stand.moveClock(61_000);
    const code = await help.codeFrom(identifier.value, () =>
      stand.ask(sendContactCode, { token, body: { identifier } }),
    );
    await stand.ask(addContact, { token, body: { identifier, codeId: code.codeId, code: code.code } });
    return identifier;
  };

  test('an account used within 60 days opens by its code; idle over 60 days it does not', async () => {
    const person = await newPerson();
    stand.moveClock(59 * day);
    expect((await byCode(person.identifier)).body.accountId).toBe(person.accountId);
    const refused = await idle(person);
    expect(refused).toMatchObject({ code: 'second_proof_required', status: 403 });
    expect(refused.problem.proofs).toEqual([]);
    expect(refused.problem.helpCentre).toBe(stand.profile.links.helpCentre);
  });

  test('what a deleted session knew still counts: an account refreshed yesterday is not idle', async () => {
    const person = await newPerson();
    stand.moveClock(61 * day);
    await stand.pool.query('update account set last_seen_at = $2 where id = $1', [
      person.accountId,
      new Date(stand.now().getTime() - day),
    ]);
    expect((await byCode(person.identifier)).body.accountId).toBe(person.accountId);
    await stand.pool.query(
      'update session set last_seen_at = $2, ended_at = $2, ended_reason = $3 where account_id = $1',
      [person.accountId, new Date(stand.now().getTime() + day), 'signed_out'],
    );
    const { deleteOldSessions } = await import('../src/recovery/last-seen.ts');
    const { createDatabase } = await import('@meridian/kit/db/database.ts');
    const { createLog } = await import('@meridian/kit/telemetry/log.ts');
    const log = createLog({ service: 'test', region: 'cn', level: 'silent' });
    const url = stand.env.DATABASE_URL ?? '';
    const db = createDatabase<import('../src/db/schema.ts').IdentitySchema>({
      url,
      poolSize: 1,
      log,
      applicationName: 'test',
    });
    try {
      await deleteOldSessions(db.read, new Date(stand.now().getTime() + 3 * day));
    } finally {
      await db.close();
    }
    const { rows } = await stand.pool.query(
      'select last_seen_at, (select count(*)::int from session s where s.account_id = a.id) as sessions from account a where id = $1',
      [person.accountId],
    );
    expect(rows[0].sessions).toBe(0);
    expect(rows[0].last_seen_at.getTime()).toBeGreaterThan(stand.now().getTime());
  });

  test('real-name digits are a second proof, wrong ones are not, and none are asked for where nobody is verified', async () => {
    const person = await newPerson();
    stand.participants.persons.set(person.accountId, realName);
    const { problem } = await idle(person);
    expect(problem.proofs).toEqual(['real_name']);
    const wrong = prove(problem.challenge, { method: 'real_name', ...realName, name: '李四' });
    expect(await problemOf(wrong)).toMatchObject({ code: 'factor_invalid', status: 401 });
    const { body } = await prove(problem.challenge, { method: 'real_name', ...realName });
    expect(body).toMatchObject({ accountId: person.accountId, created: false });
    expect((await byCode(person.identifier)).body.accountId).toBe(person.accountId);
  });

  test('while verification is out the real name is offered, answers 503 and costs no try of the hour', async () => {
    const person = await newPerson();
    stand.participants.persons.set(person.accountId, realName);
    stand.participants.down.add('verification');
    const { problem } = await idle(person);
    expect(problem.proofs).toEqual(['real_name']);
    const wrongTries = async () => {
      const query = "select coalesce(sum(count), 0)::int as n from limit_count where scope like 'fail:%'";
      return (await stand.pool.query(query)).rows[0].n;
    };
    const before = await wrongTries();
    expect(await problemOf(prove(problem.challenge, { method: 'real_name', ...realName }))).toMatchObject({
      status: 503,
    });
    expect(await wrongTries()).toBe(before);
    stand.participants.down.clear();
    expect((await prove(problem.challenge, { method: 'real_name', ...realName })).status).toBe(201);
  });

  test('a code to another number of the account is a second proof; one to the same number, or to a stranger, is not', async () => {
    const person = await newPerson();
    const second = await addSecond(person.accessToken);
    const stranger = await newPerson();
    const { problem } = await idle(person);
    expect(problem.proofs).toEqual(['second_code']);
    const { challenge } = problem;
    for (const identifier of [person.identifier, stranger.identifier]) {
      stand.moveClock(61_000);
      const before = (await help.codesAt(identifier.value)).length;
      await stand.ask(sendSecondProofCode, { body: { challenge, identifier } });
      await help.nothingOnItsWay('phone');
      expect(await help.codesAt(identifier.value)).toHaveLength(before);
    }
    const { codeId, code } = await help.codeFrom(second.value, () =>
      stand.ask(sendSecondProofCode, { body: { challenge, identifier: second } }),
    );
    expect((await prove(challenge, { method: 'code', codeId, code })).body.accountId).toBe(person.accountId);
  });

  test('where a second factor is on only that counts, whatever else is known', async () => {
    const person = await newPerson();
    stand.participants.persons.set(person.accountId, realName);
    const { codeNow } = await help.withTotp(person.accessToken);
    const { problem } = await idle(person);
    expect(problem.proofs.sort()).toEqual(['recovery_code', 'totp']);
    const digits = prove(problem.challenge, { method: 'real_name', ...realName });
    expect(await problemOf(digits)).toMatchObject({ code: 'factor_invalid' });
    expect((await prove(problem.challenge, { method: 'totp', code: codeNow() })).body.accountId).toBe(person.accountId);
  });

  test('a challenge takes five tries, lives ten minutes and works once', async () => {
    const person = await newPerson();
    stand.participants.persons.set(person.accountId, realName);
    const { problem } = await idle(person);
    const wrong = () => problemOf(prove(problem.challenge, { method: 'recovery_code', code: 'AAAAA-AAAAA' }));
    for (let i = 0; i < 5; i += 1) expect((await wrong()).code).toBe('factor_invalid');
    const right = (challenge: string) => prove(challenge, { method: 'real_name', ...realName });
    expect(await problemOf(right(problem.challenge))).toMatchObject({ code: 'factor_invalid' });
    const second = await doubted(person.identifier);
    stand.moveClock(600_000);
    expect(await problemOf(right(second.problem.challenge))).toMatchObject({ code: 'factor_invalid' });
    const third = (await doubted(person.identifier)).problem.challenge;
    const outcomes = await Promise.allSettled([right(third), right(third)]);
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
  });

  test('"this is not mine" begins a new account with a new id; the old one is phone_detached, and its other number is told', async () => {
    const person = await newPerson();
    const second = await addSecond(person.accessToken);
    const { problem } = await idle(person);
    expect(await problemOf(disown(problem.challenge, '1999-01'))).toMatchObject({ code: 'consent_required' });
    const { body } = await disown(problem.challenge);
    expect(body).toMatchObject({ created: true });
    expect(body.accountId).not.toBe(person.accountId);
    const mine = (await stand.ask(getAccount, { token: body.accessToken })).body;
    expect(mine).toMatchObject({ status: 'active', contacts: [{ kind: 'phone' }] });
    await help.noticeAt(second.value, /新持有人/);
    expect((await stand.messages(person.identifier.value)).some((m) => m.text.includes('新持有人'))).toBe(false);
    // The old owner: the other number is as idle as the account, and its own code alone opens nothing either.
    stand.participants.persons.set(person.accountId, realName);
    const { problem: theirs } = await doubted(second);
    const back = await prove(theirs.challenge, { method: 'real_name', ...realName });
    expect(back.body.accountId).toBe(person.accountId);
    expect((await stand.ask(getAccount, { token: back.body.accessToken })).body).toMatchObject({
      status: 'phone_detached',
      contacts: [{ kind: 'phone' }],
    });
    const third = await addSecond(back.body.accessToken);
    expect((await stand.ask(getAccount, { token: back.body.accessToken })).body.status).toBe('active');
    expect((await byCode(third)).body.accountId).toBe(person.accountId);
    expect((await byCode(person.identifier)).body.accountId).toBe(body.accountId);
  });

  test('"this is not mine" at once and twice: one new account; the challenge is gone for every other use', async () => {
    const person = await newPerson();
    stand.participants.persons.set(person.accountId, realName);
    const { problem } = await idle(person);
    const outcomes = await Promise.allSettled([disown(problem.challenge), disown(problem.challenge)]);
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    expect(await problemOf(prove(problem.challenge, { method: 'real_name', ...realName }))).toMatchObject({
      code: 'factor_invalid',
    });
  });

  test('what the new holder of a number began before does not reach the old account any more', async () => {
    const person = await newPerson();
    stand.participants.persons.set(person.accountId, realName);
    stand.moveClock(61 * day);
    const account = person.identifier;
    const begun = await help.codeFrom(account.value, () => stand.ask(beginRecovery, { body: { account } }));
    const { recoveryToken, codeId, code } = begun;
    const first = await stand.ask(proveRecovery, { body: { recoveryToken, proof: { method: 'code', codeId, code } } });
    // The idle rule holds for recoveries as well: the number alone is not enough, and what would be is named.
    expect(first.body).toEqual({ proven: ['code'], enough: false, missing: ['real_name'] });
    await disown((await doubted(account)).problem.challenge);
    const late = stand.ask(proveRecovery, { body: { recoveryToken, proof: { method: 'real_name', ...realName } } });
    expect(await problemOf(late)).toMatchObject({ code: 'recovery_invalid' });
  });

  test('a recovery that staff started is not doubled by a code to the same number', async () => {
    const person = await newPerson();
    stand.moveClock(61 * day);
    const token = await stand.staffToken(['support']);
    await stand.ask(startRecovery, { token, body: { accountId: person.accountId, reason: 'Asked on the phone' } });
    const [, recoveryToken = ''] = await help.noticeAt(person.identifier.value, /口令 ([A-Za-z0-9_-]{22})/);
    const { codeId, code } = await help.codeFrom(person.identifier.value, () =>
      stand.ask(sendRecoveryCode, { body: { recoveryToken, identifier: person.identifier, use: 'proof' } }),
    );
    const { body } = await stand.ask(proveRecovery, {
      body: { recoveryToken, proof: { method: 'code', codeId, code } },
    });
    expect(body).toEqual({ proven: ['code'], enough: false, missing: [] });
  });

  test('a code to an address that the account has lost meanwhile proves nothing any more', async () => {
    const person = await newPerson();
    const second = await addSecond(person.accessToken);
    stand.moveClock(61_000);
    const { recoveryToken, codeId, code } = await help.codeFrom(second.value, () =>
      stand.ask(beginRecovery, { body: { account: second } }),
    );
    const proof = { method: 'code', codeId, code } as const;
    expect((await stand.ask(proveRecovery, { body: { recoveryToken, proof } })).body.enough).toBe(true);
    const gone = (await stand.ask(getAccount, { token: person.accessToken })).body.contacts.at(-1);
    await stand.pool.query('delete from contact where id = $1', [gone?.contactId]);
    const complete = stand.ask(completeRecovery, { body: { recoveryToken, password: 'a password of my own' } });
    expect(await problemOf(complete)).toMatchObject({ code: 'recovery_not_proven' });
  });

  test('the old account is recovered by its remaining proofs, named by its id', async () => {
    const person = await newPerson();
    const { codeNow, recoveryCodes } = await help.withTotp(person.accessToken);
    const { problem } = await idle(person);
    await disown(problem.challenge);
    const account = { kind: 'account', value: person.accountId } as const;
    const { recoveryToken } = (await stand.ask(beginRecovery, { body: { account } })).body;
    const totp = { method: 'totp', code: codeNow() } as const;
    await stand.ask(proveRecovery, { body: { recoveryToken, proof: totp } });
    const spare = { method: 'recovery_code', code: recoveryCodes[0] ?? '' } as const;
    const { body } = await stand.ask(proveRecovery, { body: { recoveryToken, proof: spare } });
    expect(body.enough).toBe(true);
  });
});

describe('a device not seen before, where the profile asks', () => {
  let stand: Stand;
  beforeAll(async () => {
    const profile = profiles.cn;
    const recovery = { ...profile?.recovery, secondProofOnNewDevice: true };
    stand = await startStand({ region: 'cn', env: { REGION_PROFILE: JSON.stringify({ ...profile, recovery }) } });
  }, 60_000);
  afterAll(() => stand?.stop());
  const byCode = async (identifier: Identifier, deviceId: string) => {
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier);
    return stand.ask(createSession, { body: { ...code, identifier, deviceId } });
  };

  test('has to show another proof of an account that has one, and none of an account that has nothing else', async () => {
    const plain = await stand.signIn(stand.identifiers.phone());
    expect((await byCode(plain.identifier, 'a-device-not-seen-before')).body.accountId).toBe(plain.accountId);
    const verified = await stand.signIn(stand.identifiers.phone());
    stand.participants.persons.set(verified.accountId, realName);
    const refused = (await problemOf(byCode(verified.identifier, 'a-device-not-seen-before'))) as unknown as Doubted;
    expect(refused).toMatchObject({ code: 'second_proof_required', problem: { proofs: ['real_name'] } });
    const proof = { method: 'real_name', ...realName } as const;
    await stand.ask(completeSecondProof, {
      body: { challenge: refused.problem.challenge, proof, deviceId: 'a-device-not-seen-before' },
    });
    expect((await byCode(verified.identifier, 'a-device-not-seen-before')).body.accountId).toBe(verified.accountId);
  });

  test('an account that is cancelled while its proofs are looked for is not signed in to', async () => {
    const { accountId, identifier } = await stand.signIn(stand.identifiers.phone());
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier);
    const [looking, cancelling] = [await stand.pool.connect(), await stand.pool.connect()];
    try {
      // Read only once the code was right and the first transaction is over.
      await looking.query('begin');
      await looking.query('lock table linked_login in access exclusive mode');
      const body = { ...code, identifier, deviceId: 'a-device-not-seen-before' };
      const refused = problemOf(stand.ask(createSession, { body }));
      await someoneWaits(stand);
      await cancelling.query('begin');
      await cancelling.query("update account set status = 'closing' where id = $1", [accountId]);
      await looking.query('commit');
      await someoneWaits(stand);
      await cancelling.query('commit');
      expect(await refused).toMatchObject({ code: 'account_cancelled', status: 403 });
    } finally {
      for (const client of [looking, cancelling]) client.release();
    }
  });
});
