import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  beginTotp,
  cancelAccount,
  completeSignIn,
  confirmTotp,
  createSession,
  getAccount,
  type Identifier,
  listSecurityLog,
  reauthenticate,
  refreshSession,
  removePassword,
  removeTotp,
  setPassword,
  signInByPasskey,
  signInByPassword,
} from '@meridian/contracts/identity.ts';
import { newId } from '@meridian/kit/ids.ts';
import { totpAt } from '../src/factors/totp.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const bytesOf = (text: string) => {
  const bits = [...text].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
};

describe('factors beside codes', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
  }, 60_000);
  afterAll(() => stand?.stop());

  const password = 'correct horse battery';
  const newPerson = () => stand.signIn(stand.identifiers.email());
  const byPassword = (identifier: Identifier, given = password) =>
    stand.ask(signInByPassword, { body: { identifier, password: given } });
  const byCode = async (identifier: Identifier) => {
    stand.moveClock(61_000);
    return stand.ask(createSession, {
      body: { ...(await stand.codeFor(identifier)), identifier, termsVersion: stand.termsVersion },
    });
  };
  const codeNow = (secret: string, steps = 0) =>
    totpAt(bytesOf(secret), Math.floor(stand.now().getTime() / 30_000) + steps);
  const withTotp = async () => {
    const person = await newPerson();
    const token = person.accessToken;
    const { secret, uri } = (await stand.ask(beginTotp, { token })).body;
    expect(uri).toContain(secret);
    const { recoveryCodes } = (await stand.ask(confirmTotp, { token, body: { code: codeNow(secret) } })).body;
    return { ...person, secret, recoveryCodes };
  };
  const challengeOf = async (identifier: Identifier) => {
    const refused = (await problemOf(byCode(identifier))) as unknown as {
      code: string;
      problem: { challenge: string; factors: string[] };
    };
    expect(refused).toMatchObject({ code: 'second_factor_required', status: 403 });
    return refused.problem;
  };
  const complete = (challenge: string, method: 'totp' | 'recovery_code', code: string) =>
    stand.ask(completeSignIn, { body: { challenge, factor: { method, code } } });

  test('a password signs in once it is set; setting it ends other sessions and is told', async () => {
    const { identifier, accountId, refreshToken } = await newPerson();
    expect(await problemOf(byPassword(identifier))).toMatchObject({ code: 'credentials_invalid', status: 401 });
    const { body } = await byCode(identifier);
    await stand.ask(setPassword, { token: body.accessToken, body: { password } });
    expect(await problemOf(stand.ask(refreshSession, { body: { refreshToken } }))).toMatchObject({
      code: 'refresh_invalid',
    });
    expect((await byPassword(identifier)).body).toMatchObject({ accountId, created: false });
    expect(await problemOf(byPassword(identifier, `${password}!`))).toMatchObject({ code: 'credentials_invalid' });
    await waitFor('the notice', async () =>
      (await stand.messages(identifier.value)).some((m) => m.text.includes('password')),
    );
    await stand.ask(removePassword, { token: body.accessToken });
    expect(await problemOf(byPassword(identifier))).toMatchObject({ code: 'credentials_invalid' });
    const { rows } = await stand.pool.query(
      "select count(*)::int as n from security_log where kind = 'password_wrong'",
    );
    expect(rows[0].n).toBeGreaterThan(0);
  });

  test('Kratos: pretends the address exists; unknown address and wrong password answer alike; after ten wrong ones a captcha is asked for, and nobody is locked out', async () => {
    const { identifier, accessToken } = await newPerson();
    await stand.ask(setPassword, { token: accessToken, body: { password } });
    const wrong = await problemOf(byPassword(identifier, 'not the password'));
    const unknown = await problemOf(byPassword(stand.identifiers.email(), 'not the password'));
    expect(unknown.problem?.detail).toBe(wrong.problem?.detail);
    expect({ ...unknown, problem: undefined }).toMatchObject({ code: wrong.code, status: wrong.status });
    for (let i = 0; i < 9; i += 1) await problemOf(byPassword(identifier, 'not the password'));
    expect(await problemOf(byPassword(identifier))).toMatchObject({ code: 'captcha_required', status: 403 });
    const solved = await fetch(`${stand.sandbox.origin}/captcha/solve`, { method: 'POST' });
    const { token: captchaToken } = (await solved.json()) as { token: string };
    const body = { identifier, password, captchaToken };
    expect((await stand.ask(signInByPassword, { body })).status).toBe(201);
    // A stranger's tries at the password have nothing to do with codes.
    expect((await byCode(identifier)).status).toBe(201);
    const { items } = (await stand.ask(listSecurityLog, { token: accessToken, query: { limit: 50 } })).body;
    expect(items.filter(({ kind }) => kind === 'password_wrong')).toHaveLength(10);
  });

  test('a hundred wrong passwords in a day are the end, captcha or not', async () => {
    const { identifier } = await newPerson();
    await problemOf(byPassword(identifier, 'not the password'));
    await stand.pool.query("update limit_count set count = 100 where scope like 'password:%'");
    expect(await problemOf(byPassword(identifier))).toMatchObject({ code: 'captcha_required' });
    const solved = await fetch(`${stand.sandbox.origin}/captcha/solve`, { method: 'POST' });
    const { token: captchaToken } = (await solved.json()) as { token: string };
    const refused = await problemOf(stand.ask(signInByPassword, { body: { identifier, password, captchaToken } }));
    expect(refused).toMatchObject({ code: 'code_limit_reached', status: 429 });
    expect(refused.retryAfter).toBeGreaterThan(3_600);
    await stand.pool.query("delete from limit_count where scope like 'password:%'");
  });

  test('fifty wrong second factors in a day are the end, however slowly they are tried', async () => {
    const { identifier, secret } = await withTotp();
    await problemOf(complete((await challengeOf(identifier)).challenge, 'totp', '000000'));
    await stand.pool.query("update limit_count set count = 50 where scope like 'fail:%'");
    stand.moveClock(3_700_000);
    const { challenge } = await challengeOf(identifier);
    const refused = await problemOf(complete(challenge, 'totp', codeNow(secret)));
    expect(refused).toMatchObject({ code: 'code_limit_reached', status: 429 });
    expect(refused.retryAfter).toBeGreaterThan(3_600);
    await stand.pool.query("delete from limit_count where scope like 'fail:%'");
  });

  test('one network has sixty tries by passkey a minute', async () => {
    const credential = {
      id: 'nobody',
      rawId: 'nobody',
      type: 'public-key',
      response: { clientDataJSON: 'e30' },
      clientExtensionResults: {},
    } as const;
    const tryFrom = (ip: string) => {
      const challengeId = newId('chl', stand.region, stand.now());
      return problemOf(stand.ask(signInByPasskey, { ip, body: { challengeId, credential } }));
    };
    const tries = await Promise.all(Array.from({ length: 61 }, (_, i) => tryFrom(`192.0.2.${i + 1}`)));
    expect(tries.filter(({ code }) => code === 'passkey_invalid')).toHaveLength(60);
    const refused = tries.find(({ code }) => code === 'code_limit_reached');
    expect(refused?.status).toBe(429);
    expect(refused?.retryAfter).toBeGreaterThan(0);
    expect(await tryFrom('198.51.100.1')).toMatchObject({ code: 'passkey_invalid' });
  });

  test('with an authenticator app on, a code alone signs in nobody; with its own code it does, once', async () => {
    const { identifier, accountId, secret } = await withTotp();
    const { challenge, factors } = await challengeOf(identifier);
    expect(factors).toEqual(['totp', 'recovery_code']);
    const code = codeNow(secret);
    const { body } = await complete(challenge, 'totp', code);
    expect(body.accountId).toBe(accountId);
    expect((await stand.ask(getAccount, { token: body.accessToken })).body.accountId).toBe(accountId);
    // The same code in another sign-in: replay.
    const again = await challengeOf(identifier);
    const replayed = totpAt(bytesOf(secret), Math.floor((stand.now().getTime() - 61_000) / 30_000));
    expect(await problemOf(complete(again.challenge, 'totp', replayed))).toMatchObject({ code: 'factor_invalid' });
    expect((await complete(again.challenge, 'totp', codeNow(secret))).status).toBe(201);
    expect(await problemOf(complete(again.challenge, 'totp', codeNow(secret, 1)))).toMatchObject({
      code: 'factor_invalid',
    });
  });

  test('one code of the app, sent many times at once, succeeds exactly once', async () => {
    const { identifier, secret } = await withTotp();
    const challenges = [await challengeOf(identifier), await challengeOf(identifier), await challengeOf(identifier)];
    const code = codeNow(secret);
    const outcomes = await Promise.allSettled(challenges.map(({ challenge }) => complete(challenge, 'totp', code)));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
  });

  test('a recovery code works once; five wrong tries end a challenge', async () => {
    const { identifier, recoveryCodes, secret } = await withTotp();
    expect(recoveryCodes).toHaveLength(10);
    const first = await challengeOf(identifier);
    expect((await complete(first.challenge, 'recovery_code', String(recoveryCodes[0]))).status).toBe(201);
    const second = await challengeOf(identifier);
    expect(await problemOf(complete(second.challenge, 'recovery_code', String(recoveryCodes[0])))).toMatchObject({
      code: 'factor_invalid',
    });
    for (let i = 0; i < 4; i += 1) await problemOf(complete(second.challenge, 'totp', '000000'));
    expect(await problemOf(complete(second.challenge, 'totp', codeNow(secret)))).toMatchObject({
      code: 'factor_invalid',
    });
  });

  test('a challenge is of one account only, and dies after ten minutes', async () => {
    const [mine, theirs] = [await withTotp(), await withTotp()];
    const { challenge } = await challengeOf(theirs.identifier);
    expect(await problemOf(complete(challenge, 'totp', codeNow(mine.secret)))).toMatchObject({
      code: 'factor_invalid',
    });
    stand.moveClock(601_000);
    expect(await problemOf(complete(challenge, 'totp', codeNow(theirs.secret)))).toMatchObject({
      code: 'factor_invalid',
    });
  });

  test('step-up: changes of credentials and cancellation ask for the second factor, not for a code', async () => {
    const { identifier, refreshToken, secret } = await withTotp();
    // What was added less than a day ago proves nobody.
    stand.moveClock(24 * 3_600_000);
    const token = (await stand.ask(refreshSession, { body: { refreshToken } })).body.accessToken;
    expect(await problemOf(stand.ask(removeTotp, { token }))).toMatchObject({ code: 'reauthentication_required' });
    const proof = await stand.codeFor(identifier, 'reauthenticate');
    expect(await problemOf(stand.ask(reauthenticate, { token, body: { method: 'code', ...proof } }))).toMatchObject({
      code: 'second_factor_required',
    });
    expect(
      await problemOf(stand.ask(cancelAccount, { token, body: { ...proof, consequencesVersion: 'x' } })),
    ).toMatchObject({ code: 'reauthentication_required' });
    await stand.ask(reauthenticate, { token, body: { method: 'totp', code: codeNow(secret) } });
    await stand.ask(removeTotp, { token });
    expect((await byCode(identifier)).status).toBe(201);
  });

  test('a set-up that was never confirmed is no app to switch off: nothing is told, ended or logged', async () => {
    const { identifier, accessToken } = await newPerson();
    const { body } = await byCode(identifier);
    const { secret } = (await stand.ask(beginTotp, { token: accessToken })).body;
    expect(await problemOf(stand.ask(removeTotp, { token: accessToken }))).toMatchObject({ code: 'not_found' });
    const { items } = (await stand.ask(listSecurityLog, { token: body.accessToken })).body;
    expect(items.map(({ kind }) => kind)).not.toContain('totp_off');
    expect((await stand.ask(confirmTotp, { token: accessToken, body: { code: codeNow(secret) } })).status).toBe(200);
    expect((await stand.ask(removeTotp, { token: accessToken })).status).toBe(204);
  });

  test('for a day a new authenticator and its recovery codes complete a sign-in, and are no proof within a session', async () => {
    const { identifier, accessToken: token, secret, recoveryCodes } = await withTotp();
    const refused = { code: 'reauthentication_required', status: 403 };
    const prove = (body: { method: 'totp' | 'recovery_code'; code: string }) =>
      stand.ask(reauthenticate, { token, body });
    stand.moveClock(61_000);
    expect(await problemOf(prove({ method: 'totp', code: codeNow(secret) }))).toMatchObject(refused);
    const [recoveryCode = ''] = recoveryCodes;
    expect(await problemOf(prove({ method: 'recovery_code', code: recoveryCode }))).toMatchObject(refused);
    // Neither was used up by that.
    const { challenge } = await challengeOf(identifier);
    const signedIn = (await complete(challenge, 'recovery_code', recoveryCode)).body;
    expect((await stand.ask(removeTotp, { token: signedIn.accessToken })).status).toBe(204);
  });

  test('nothing of a factor lies open in the tables', async () => {
    const { secret, recoveryCodes } = await withTotp();
    const tables = ['totp', 'recovery_code', 'password', 'pending_sign_in'];
    for (const table of tables) {
      const text = JSON.stringify((await stand.pool.query(`select t::text from ${table} t`)).rows);
      for (const hidden of [secret, bytesOf(secret).toString('hex'), ...recoveryCodes, password])
        expect(text).not.toContain(hidden);
    }
  });
});
