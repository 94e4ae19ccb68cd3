// A sign-in that waits for the account's row while its credentials are being changed: what was true when it began opens nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSession, setPassword, signInByPassword } from '@meridian/contracts/identity.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe('a sign-in that races a change of credentials', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
  });
  afterAll(() => stand?.stop());

  /** Holds the account's row as a change of credentials does, makes the change once `rival` waits for it, and commits. */
  const duringChange = async <T>(accountId: string, change: string, rival: () => Promise<T>): Promise<T> => {
    const client = await stand.pool.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from account where id = $1 for update', [accountId]);
      const outcome = rival();
      outcome.catch(() => undefined); // told to whoever awaits it below
      await waitFor('the sign-in to wait', async () => {
        const { rows } = await stand.pool.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return rows.length > 0;
      });
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
