import { createHash } from 'node:crypto';
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
  refreshSession,
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
  const pages: Server[] = [];
  let origin = '';
  let otherOrigin = '';
  let authenticator = '';
  const servePage = async () => {
    const page = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>console</title>'),
    );
    pages.push(page);
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    return `http://localhost:${(page.address() as AddressInfo).port}`;
  };
  beforeAll(async () => {
    [origin, otherOrigin] = [await servePage(), await servePage()];
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
    for (const page of pages) {
      page.closeAllConnections();
      page.close();
    }
  });

  const register = async (token: string, change: object = {}) => {
    const { challengeId, options } = (await stand.ask(beginPasskey, { token })).body;
    const credential = (await browser.create({ ...options, ...change })) as Credential;
    return { challengeId, credential, name: 'laptop' };
  };
  const answer = async (change: object = {}) => {
    const { challengeId, options } = (await stand.ask(challengePasskey, {})).body;
    return { challengeId, credential: (await browser.get({ ...options, ...change })) as Credential };
  };
  /** As if a page of that origin had asked. The signature of an assertion covers it; a registration without attestation has none. */
  const claimOrigin = ({ response }: Credential, claimed: string) => {
    const data = JSON.parse(Buffer.from(response.clientDataJSON, 'base64url').toString()) as object;
    response.clientDataJSON = Buffer.from(JSON.stringify({ ...data, origin: claimed })).toString('base64url');
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

  test('new terms are put to whoever signs in by a passkey; the same answer comes back with the consent', async () => {
    const { accountId } = await withPasskey();
    await stand.pool.query("update consent set terms_version = '2020-01' where account_id = $1", [accountId]);
    const body = await answer();
    const { termsVersion } = stand;
    expect(await problemOf(stand.ask(signInByPasskey, { body }))).toMatchObject({
      code: 'consent_required',
      status: 422,
    });
    const accepted = { ...body, termsVersion };
    expect((await stand.ask(signInByPasskey, { body: accepted })).body.accountId).toBe(accountId);
    expect(await problemOf(stand.ask(signInByPasskey, { body: accepted }))).toMatchObject(invalid);
    expect((await stand.ask(signInByPasskey, { body: await answer() })).status).toBe(201);
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
    claimOrigin(changed.credential, 'https://evil.example');
    expect(await problemOf(stand.ask(signInByPasskey, { body: changed }))).toMatchObject(invalid);
    const late = await answer();
    stand.moveClock(301_000);
    expect(await problemOf(stand.ask(signInByPasskey, { body: late }))).toMatchObject(invalid);
  }, 60_000);

  test('only pages that the profile names may ask, though the device would answer others of the same host', async () => {
    const { accessToken } = await withPasskey();
    await browser.open(otherOrigin);
    const elsewhere = await answer().finally(() => browser.open(origin));
    expect(await problemOf(stand.ask(signInByPasskey, { body: elsewhere }))).toMatchObject(invalid);
    expect((await stand.ask(signInByPasskey, { body: await answer() })).status).toBe(201);

    const foreign = await register(accessToken, { excludeCredentials: [] });
    claimOrigin(foreign.credential, otherOrigin);
    expect(await problemOf(stand.ask(addPasskey, { token: accessToken, body: foreign }))).toMatchObject(invalid);
    const own = await register(accessToken, { excludeCredentials: [] });
    claimOrigin(own.credential, origin);
    expect((await stand.ask(addPasskey, { token: accessToken, body: own })).status).toBe(201);
  }, 60_000);

  test('a device that did not ask for its PIN, finger or face proves nothing and is not added', async () => {
    const person = await withPasskey();
    await browser.setVerified(authenticator, false);
    const unverified = await answer({ userVerification: 'discouraged' });
    expect(await problemOf(stand.ask(signInByPasskey, { body: unverified }))).toMatchObject(invalid);
    await browser.setVerified(authenticator, true);
    const verified = await answer({ allowCredentials: [{ type: 'public-key', id: unverified.credential.id }] });
    expect((await stand.ask(signInByPasskey, { body: verified })).body.accountId).toBe(person.accountId);
    const body = await register(person.accessToken, { excludeCredentials: [] });
    const { response } = body.credential;
    const attestation = Buffer.from(String(response.attestationObject), 'base64url');
    const flags = attestation.indexOf(createHash('sha256').update('localhost').digest()) + 32;
    expect(attestation.readUInt8(flags) & 0b100).toBe(0b100);
    attestation.writeUInt8(attestation.readUInt8(flags) & ~0b100, flags);
    response.attestationObject = attestation.toString('base64url');
    expect(await problemOf(stand.ask(addPasskey, { token: person.accessToken, body }))).toMatchObject(invalid);
  }, 60_000);

  test('a counter that runs backwards, as of a copied key, is refused', async () => {
    const { passkey } = await withPasskey();
    const setCounter = (counter: number) =>
      stand.pool.query('update passkey set counter = $2 where id = $1', [passkey.passkeyId, counter]);
    await setCounter(1_000_000);
    expect(await problemOf(stand.ask(signInByPasskey, { body: await answer() }))).toMatchObject(invalid);
    await setCounter(1);
    expect((await stand.ask(signInByPasskey, { body: await answer() })).status).toBe(201);
  }, 60_000);

  test('one answer sent many times at once opens exactly one session', async () => {
    await withPasskey();
    const body = await answer();
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => stand.ask(signInByPasskey, { body })));
    expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
  }, 60_000);

  test.each([[5], [{}], [['usb', 7]]])(
    'how a device says it is reached is not believed: %j',
    async (transports) => {
      await browser.removeAuthenticator(authenticator);
      authenticator = await browser.authenticator();
      const { accessToken: token } = await stand.signIn(stand.identifiers.email());
      const body = await register(token);
      body.credential.response.transports = transports;
      expect((await stand.ask(addPasskey, { token, body })).status).toBe(201);
      expect((await stand.ask(signInByPasskey, { body: await answer() })).status).toBe(201);
    },
    60_000,
  );

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
    const { accountId, accessToken: early, refreshToken, passkey } = await withPasskey();
    const prove = async (token: string) =>
      stand.ask(reauthenticate, { token, body: { method: 'passkey', ...(await answer()) } });
    // What was added less than a day ago proves nobody within a session.
    expect(await problemOf(prove(early))).toMatchObject({ code: 'reauthentication_required', status: 403 });
    stand.moveClock(24 * 3_600_000);
    const { accessToken } = (await stand.ask(refreshSession, { body: { refreshToken } })).body;
    const proof = (await prove(accessToken)).body;
    expect(proof.provenUntil).toEqual(expect.any(String));
    // Somebody has it, and begins a recovery before its owner notices.
    const account = { kind: 'account', value: accountId } as const;
    const { recoveryToken } = (await stand.ask(beginRecovery, { body: { account } })).body;
    const shown = { recoveryToken, proof: { method: 'passkey', ...(await answer()) } } as const;
    expect((await stand.ask(proveRecovery, { body: shown })).body.enough).toBe(true);
    await stand.ask(removePasskey, { token: accessToken, params: { passkeyId: passkey.passkeyId } });
    const complete = stand.ask(completeRecovery, { body: { recoveryToken, password: 'a password of theirs' } });
    expect(await problemOf(complete)).toMatchObject({ code: 'recovery_invalid' });
    expect(await problemOf(stand.ask(signInByPasskey, { body: await answer() }))).toMatchObject(invalid);
  }, 60_000);
});
