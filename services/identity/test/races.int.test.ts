// What waits for a row or a limit that somebody else holds: nothing that was true when it began is taken for granted, and nobody waits in a circle.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSession, sendContactCode, setPassword, signInByPassword } from '@meridian/contracts/identity.ts';
import { beginRecovery, sendRecoveryCode } from '@meridian/contracts/identity-recovery.ts';
import { createCodeSecrets } from '../src/codes/code-secrets.ts';
import { someoneWaits } from './support/lock-wait.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await startStand({ region: 'global' });
}, 60_000);
afterAll(() => stand?.stop());

describe('a sign-in that races a change of credentials', () => {
  /** Holds the account's row as a change of credentials does, makes the change once `rival` waits for it, and commits. */
  const duringChange = async <T>(accountId: string, change: string, rival: () => Promise<T>): Promise<T> => {
    const client = await stand.pool.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from account where id = $1 for update', [accountId]);
      const outcome = rival();
      outcome.catch(() => undefined); // told to whoever awaits it below
      await someoneWaits(stand);
      await client.query(change, [accountId]);
      await client.query('commit');
      return await outcome;
    } finally {
      client.release();
    }
  };

  test('the old password does not outlive its change', async () => {
    const { identifier, accountId, accessToken } = await stand.signIn(stand.identifiers.email());
    const password = 'correct horse battery';
    await stand.ask(setPassword, { token: accessToken, body: { password } });
    const signIn = () => stand.ask(signInByPassword, { body: { identifier, password } });
    const change = "update password set hash = hash || 'x' where account_id = $1";
    expect(await problemOf(duringChange(accountId, change, signIn))).toMatchObject({ code: 'credentials_invalid' });
  });

  test('an address that was removed meanwhile opens nothing of its former account', async () => {
    const { identifier, accountId } = await stand.signIn(stand.identifiers.email());
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier);
    const signIn = () => stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion } });
    const { body } = await duringChange(accountId, 'delete from contact where account_id = $1', signIn);
    expect(body.created).toBe(true);
    expect(body.accountId).not.toBe(accountId);
  });
});

describe('limits are locked before rows, so that one account cannot stall the codes of the region', () => {
  /** What `act` holds while it waits for what `lock` took is what somebody else still gets at once, by `free`. */
  const whileLocked = async <T>(lock: [string, unknown[]], act: () => Promise<T>, free?: [string, unknown[]]) => {
    const client = await stand.pool.connect();
    try {
      await client.query('begin');
      await client.query(...lock);
      const outcome = act();
      let answered = false;
      outcome.then(
        () => (answered = true),
        () => (answered = true),
      );
      if (free === undefined) await waitFor('an answer that needs no lock', () => answered);
      else {
        await someoneWaits(stand);
        await client.query(...free);
      }
      await client.query('commit');
      return await outcome;
    } finally {
      await client.query('rollback');
      client.release();
    }
  };
  const limit = (scope: string): [string, unknown[]] => [
    'select pg_advisory_xact_lock(hashtextextended($1, 20261123))',
    [scope],
  ];

  test('a code for a recovery leaves while a change of credentials holds the account', async () => {
    const person = await stand.signIn(stand.identifiers.email());
    stand.moveClock(61_000);
    const { recoveryToken } = (await stand.ask(beginRecovery, { body: { account: person.identifier } })).body;
    stand.moveClock(61_000);
    const body = { recoveryToken, identifier: person.identifier, use: 'proof' } as const;
    const account: [string, unknown[]] = ['select 1 from account where id = $1 for update', [person.accountId]];
    expect((await whileLocked(account, () => stand.ask(sendRecoveryCode, { body }))).status).toBe(202);
  });

  test('a recovery that waits for a change of credentials holds up nobody else', async () => {
    const person = await stand.signIn(stand.identifiers.email());
    stand.moveClock(61_000);
    const account: [string, unknown[]] = ['select 1 from account where id = $1 for update', [person.accountId]];
    const total: [string, unknown[]] = [
      'select 1 / pg_try_advisory_xact_lock(hashtextextended($1, 20261123))::int',
      ['total'],
    ];
    const begin = () => stand.ask(beginRecovery, { body: { account: person.identifier } });
    expect((await whileLocked(account, begin, total)).status).toBe(202);
  });

  test('a code for a new address does not hold the account while it waits for a limit', async () => {
    const { accountId, accessToken } = await stand.signIn(stand.identifiers.email());
    const identifier = stand.identifiers.email();
    const send = () => stand.ask(sendContactCode, { token: accessToken, body: { identifier } });
    const account: [string, unknown[]] = ['select 1 from account where id = $1 for update nowait', [accountId]];
    expect((await whileLocked(limit('total'), send, account)).status).toBe(202);
  });

  test('a wrong try does not hold its code while it waits for the limit of failures', async () => {
    const { identifier } = await stand.signIn(stand.identifiers.email());
    stand.moveClock(61_000);
    const { codeId, code } = await stand.codeFor(identifier);
    const secrets = createCodeSecrets(stand.env.IDENTIFIER_PEPPER ?? '', stand.env.CODE_PEPPER ?? '');
    const scope = secrets.identifierScope('fail', secrets.identifierHash(identifier.kind, identifier.value));
    const wrong = code === '000000' ? '111111' : '000000';
    const guess = () => stand.ask(createSession, { body: { identifier, codeId, code: wrong } });
    const row: [string, unknown[]] = ['select 1 from code where id = $1 for update nowait', [codeId]];
    expect(await problemOf(whileLocked(limit(scope), guess, row))).toMatchObject({ code: 'code_invalid' });
  });
});
