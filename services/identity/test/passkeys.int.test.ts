import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  addPasskey,
  beginPasskey,
  challengePasskey,
  completeSignIn,
  createSession,
  getAccount,
  listPasskeys,
  reauthenticate,
  removePasskey,
  signInByPasskey,
} from '@meridian/contracts/identity.ts';
import { beginRecovery, completeRecovery, proveRecovery } from '@meridian/contracts/identity-recovery.ts';
import { profiles } from '@meridian/regions/region.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { type Chromium, hasChromium, startChromium } from './support/chromium.ts';
import { problemOf, type Stand, startStand } from './support/stand.ts';

// The form that the contract demands of a credential; the browser gives exactly that.
type Credential = {
  id: string;
  rawId: string;
  type: 'public-key';
  response: { clientDataJSON: string; [member: string]: unknown };
  clientExtensionResults: Record<string, unknown>;
};

describeNeeding('chromium', hasChromium, 'passkeys in Chromium', () => {
  let stand: Stand;
  let browser: Chromium;
  let page: Server;
  let authenticator = '';
  beforeAll(async () => {
    page = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>console</title>'),
    );
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    const origin = `http://localhost:${(page.address() as AddressInfo).port}`;
    const profile = { ...profiles.global, passkeys: { rpId: 'localhost', origins: [origin] } };
    [stand, browser] = await Promise.all([
      startStand({ region: 'global', env: { REGION_PROFILE: JSON.stringify(profile) } }),
      startChromium(`${origin}/`),
    ]);
    authenticator = await browser.authenticator();
  }, 120_000);
  afterAll(async () => {
    await browser?.stop();
    await stand?.stop();
    page.closeAllConnections();
    page.close();
  });

  const register = async (token: string) => {
    const { challengeId, options } = (await stand.ask(beginPasskey, { token })).body;
    const credential = (await browser.create(options)) as Credential;
    return { challengeId, credential, name: 'laptop' };
  };
  const answer = async () => {
    const { challengeId, options } = (await stand.ask(challengePasskey, {})).body;
    return { challengeId, credential: (await browser.get(options)) as Credential };
  };
  /** A person with one passkey, alone on the device. */
  const withPasskey = async () => {
    await browser.removeAuthenticator(authenticator);
    authenticator = await browser.authenticator();
    const person = await stand.signIn(stand.identifiers.email());
    const added = (await stand.ask(addPasskey, { token: person.accessToken, body: await register(person.accessToken) }))
      .body;
    return { ...person, ...added };
  };
  const invalid = { code: 'passkey_invalid', status: 401 };

  test('a passkey is added with recovery codes, listed, and signs in by itself', async () => {
    const { accountId, accessToken, passkey, recoveryCodes } = await withPasskey();
    expect(recoveryCodes).toHaveLength(10);
    expect((await stand.ask(listPasskeys, { token: accessToken })).body.items).toMatchObject([
      { passkeyId: passkey.passkeyId, name: 'laptop', lastUsedAt: null },
    ]);
    const { body } = await stand.ask(signInByPasskey, { body: await answer() });
    expect(body).toMatchObject({ accountId, created: false });
    expect((await stand.ask(getAccount, { token: body.accessToken })).body.accountId).toBe(accountId);
    expect((await stand.ask(listPasskeys, { token: accessToken })).body.items[0]?.lastUsedAt).not.toBeNull();
  }, 60_000);

  test('a passkey alone recovers the account it belongs to, and no other', async () => {
    const { accountId, identifier } = await withPasskey();
    const stranger = await stand.signIn(stand.identifiers.email());
    for (const [account, outcome] of [
      [stranger.identifier, 'factor_invalid'],
      [stand.identifiers.email(), 'factor_invalid'],
      [identifier, 'enough'],
    ] as const) {
      stand.moveClock(61_000);
      const { recoveryToken } = (await stand.ask(beginRecovery, { body: { account } })).body;
      const proof = { method: 'passkey', ...(await answer()) } as const;
      const proven = stand.ask(proveRecovery, { body: { recoveryToken, proof } });
      if (outcome === 'factor_invalid') expect(await problemOf(proven)).toMatchObject({ code: outcome });
      else {
        expect((await proven).body).toEqual({ proven: ['passkey'], enough: true, missing: [] });
        const body = { recoveryToken, password: 'a password of my own' };
        expect((await stand.ask(completeRecovery, { body })).body.accountId).toBe(accountId);
      }
    }
  }, 60_000);

  test('it completes a sign-in by code, of its own account only', async () => {
    const { identifier, accountId } = await withPasskey();
    stand.moveClock(61_000);
    const code = await stand.codeFor(identifier);
    const refused = (await problemOf(
      stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion } }),
    )) as unknown as { code: string; problem: { challenge: string; factors: string[] } };
    expect(refused.code).toBe('second_factor_required');
    expect(refused.problem.factors).toContain('passkey');
    const { challenge } = refused.problem;
    const { body } = await stand.ask(completeSignIn, {
      body: { challenge, factor: { method: 'passkey', ...(await answer()) } },
    });
    expect(body.accountId).toBe(accountId);
    const other = await withPasskey();
    stand.moveClock(61_000);
    const again = await stand.codeFor(identifier);
    const second = (await problemOf(
      stand.ask(createSession, { body: { ...again, identifier, termsVersion: stand.termsVersion } }),
    )) as unknown as { problem: { challenge: string } };
    // The device now holds the other person's passkey alone.
    expect(
      await problemOf(
        stand.ask(completeSignIn, {
          body: { challenge: second.problem.challenge, factor: { method: 'passkey', ...(await answer()) } },
        }),
      ),
    ).toMatchObject({ code: 'factor_invalid' });
    expect(other.accountId).not.toBe(accountId);
  }, 60_000);

  test('replay: an answer works once; an answer to another challenge, or changed, never', async () => {
    await withPasskey();
    const first = await answer();
    expect((await stand.ask(signInByPasskey, { body: first })).status).toBe(201);
    expect(await problemOf(stand.ask(signInByPasskey, { body: first }))).toMatchObject(invalid);
    const [a, b] = [await answer(), await answer()];
    expect(
      await problemOf(stand.ask(signInByPasskey, { body: { challengeId: a.challengeId, credential: b.credential } })),
    ).toMatchObject(invalid);
    const changed = await answer();
    const data = JSON.parse(Buffer.from(changed.credential.response.clientDataJSON, 'base64url').toString()) as object;
    changed.credential.response.clientDataJSON = Buffer.from(
      JSON.stringify({ ...data, origin: 'https://evil.example' }),
    ).toString('base64url');
    expect(await problemOf(stand.ask(signInByPasskey, { body: changed }))).toMatchObject(invalid);
    const late = await answer();
    stand.moveClock(301_000);
    expect(await problemOf(stand.ask(signInByPasskey, { body: late }))).toMatchObject(invalid);
  }, 60_000);

  test('one answer sent many times at once opens exactly one session', async () => {
    await withPasskey();
    const body = await answer();
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => stand.ask(signInByPasskey, { body })));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
  }, 60_000);

  test('a registration is bound to the account that began it', async () => {
    await browser.removeAuthenticator(authenticator);
    authenticator = await browser.authenticator();
    const [mine, theirs] = [
      await stand.signIn(stand.identifiers.email()),
      await stand.signIn(stand.identifiers.email()),
    ];
    const body = await register(theirs.accessToken);
    expect(await problemOf(stand.ask(addPasskey, { token: mine.accessToken, body }))).toMatchObject(invalid);
    expect((await stand.ask(addPasskey, { token: theirs.accessToken, body })).status).toBe(201);
  }, 60_000);

  test('it is a fresh proof, and once removed it opens nothing', async () => {
    const { accessToken, passkey } = await withPasskey();
    const proof = (
      await stand.ask(reauthenticate, { token: accessToken, body: { method: 'passkey', ...(await answer()) } })
    ).body;
    expect(proof.provenUntil).toEqual(expect.any(String));
    await stand.ask(removePasskey, { token: accessToken, params: { passkeyId: passkey.passkeyId } });
    expect(await problemOf(stand.ask(signInByPasskey, { body: await answer() }))).toMatchObject(invalid);
  }, 60_000);
});
