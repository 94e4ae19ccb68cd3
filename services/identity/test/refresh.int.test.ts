import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { endSession, getAccount, refreshSession } from '@meridian/contracts/identity.ts';
import { someoneWaits } from './support/lock-wait.ts';
import { problemOf, type Stand, startStand } from './support/stand.ts';

const day = 24 * 3_600_000;

describe('refresh', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
  }, 60_000);
  afterAll(() => stand?.stop());
  const refresh = async (refreshToken: string) => {
    const { body } = await stand.ask(refreshSession, { body: { refreshToken } });
    return { ...body, refreshToken: body.refreshToken ?? '' };
  };
  const refused = (refreshToken: string) => problemOf(refresh(refreshToken));
  const gone = expect.objectContaining({ code: 'refresh_invalid', status: 401 });

  test('rotates: another refresh token, a working access token, the same session', async () => {
    const first = await stand.signIn(stand.identifiers.email());
    const second = await refresh(first.refreshToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second).toMatchObject({ accountId: first.accountId, sessionId: first.sessionId });
    expect((await stand.ask(getAccount, { token: second.accessToken })).body.accountId).toBe(first.accountId);
    expect((await refresh(second.refreshToken)).refreshToken).not.toBe(second.refreshToken);
  });

  test('the table holds hashes only', async () => {
    const { refreshToken } = await stand.signIn(stand.identifiers.email());
    const next = await refresh(refreshToken);
    const { rows } = await stand.pool.query('select s::text as row from session s');
    for (const token of [refreshToken, next.refreshToken]) expect(JSON.stringify(rows)).not.toContain(token.slice(-60));
  });

  test('Hydra: works within the window; the same token within 20 seconds, even at once, gets the same successor', async () => {
    const { refreshToken } = await stand.signIn(stand.identifiers.email());
    const answers = await Promise.all(Array.from({ length: 5 }, () => refresh(refreshToken)));
    expect(new Set(answers.map((a) => a.refreshToken)).size).toBe(1);
    stand.moveClock(15_000);
    expect((await refresh(refreshToken)).refreshToken).toBe(answers[0]?.refreshToken);
    expect((await refresh(answers[0]?.refreshToken ?? '')).refreshToken).toEqual(expect.any(String));
  });

  test('Hydra: reuse after the window revokes all; the same token later is theft, the whole family ends, access included', async () => {
    const first = await stand.signIn(stand.identifiers.email());
    const second = await refresh(first.refreshToken);
    stand.moveClock(21_000);
    expect(await refused(first.refreshToken)).toEqual(gone);
    expect(await refused(second.refreshToken)).toEqual(gone);
    expect(await problemOf(stand.ask(getAccount, { token: second.accessToken }))).toMatchObject({
      code: 'unauthenticated',
    });
    const { rows } = await stand.pool.query(
      "select count(*)::int as n from security_log where kind = 'refresh_reused' and session_id = $1",
      [first.sessionId],
    );
    expect(rows).toEqual([{ n: 1 }]);
  });

  test('Hydra: revoking one revokes the grace tokens; after a sign-out neither parent nor successor is good for anything', async () => {
    const first = await stand.signIn(stand.identifiers.email());
    const second = await refresh(first.refreshToken);
    expect((await refresh(first.refreshToken)).refreshToken).toBe(second.refreshToken);
    await stand.ask(endSession, { token: second.accessToken });
    // Within the window of grace.
    expect(await refused(first.refreshToken)).toEqual(gone);
    expect(await refused(second.refreshToken)).toEqual(gone);
  });

  test('Hydra: rotating a grace token leaves others; both holders of the one successor go on with the one after it', async () => {
    const first = await stand.signIn(stand.identifiers.email());
    const [one, other] = await Promise.all([refresh(first.refreshToken), refresh(first.refreshToken)]);
    const third = await refresh(one.refreshToken);
    expect((await refresh(other.refreshToken)).refreshToken).toBe(third.refreshToken);
    for (const { accessToken } of [one, other, third])
      expect((await stand.ask(getAccount, { token: accessToken })).body.accountId).toBe(first.accountId);
    // Another session of the account is another family.
    stand.moveClock(61_000);
    const elsewhere = await stand.signIn(first.identifier);
    await refresh(elsewhere.refreshToken);
    expect((await refresh(third.refreshToken)).sessionId).toBe(first.sessionId);
  });

  test('a token two generations old is theft at once', async () => {
    const first = await stand.signIn(stand.identifiers.email());
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.refreshToken);
    expect(await refused(first.refreshToken)).toEqual(gone);
    expect(await refused(third.refreshToken)).toEqual(gone);
  });

  test('a made-up token of a known session is refused and harms nobody', async () => {
    const { refreshToken } = await stand.signIn(stand.identifiers.email());
    expect(await refused(`${refreshToken.slice(0, -65)}${'A'.repeat(65)}`)).toEqual(gone);
    expect(await refused('rt_nonsense_that_is_long_enough')).toEqual(gone);
    expect((await refresh(refreshToken)).refreshToken).toEqual(expect.any(String));
  });

  test("another region's token is refused by name, with the address of its home", async () => {
    const { refreshToken } = await stand.signIn(stand.identifiers.email());
    const answer = await refused(refreshToken.replace('rt_global_', 'rt_cn_'));
    expect(answer).toMatchObject({ code: 'region_mismatch', status: 421 });
    expect(answer.problem?.detail).toContain('https://api.cn.meridian.example');
  });

  test('a session goes idle after 30 days and ends for good after 90', async () => {
    const idle = await stand.signIn(stand.identifiers.email());
    const busy = await stand.signIn(stand.identifiers.email());
    let token = busy.refreshToken;
    for (let i = 0; i < 3; i += 1) {
      stand.moveClock(29 * day);
      token = (await refresh(token)).refreshToken;
      if (i === 1) expect(await refused(idle.refreshToken)).toEqual(gone);
    }
    stand.moveClock(2 * day);
    expect((await refresh(token)).refreshExpiresAt < new Date(stand.now().getTime() + 2 * day).toISOString()).toBe(
      true,
    );
    stand.moveClock(2 * day);
    expect(await refused(token)).toEqual(gone);
  });

  test('signing out wins over a refresh in flight, and a refresh waits for it', async () => {
    const { refreshToken, sessionId, accessToken } = await stand.signIn(stand.identifiers.email());
    const client = await stand.pool.connect();
    try {
      // A revocation that has begun and not committed: the row is locked.
      await client.query('begin');
      await client.query("update session set ended_at = now(), ended_reason = 'signed_out' where id = $1", [sessionId]);
      const inFlight = refused(refreshToken);
      await someoneWaits(stand);
      await client.query('commit');
      expect(await inFlight).toEqual(gone);
    } finally {
      client.release();
    }
    expect(await problemOf(stand.ask(endSession, { token: accessToken }))).toMatchObject({ code: 'unauthenticated' });
  });
});
