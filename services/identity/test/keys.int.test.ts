import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getAccount, getJwks } from '@meridian/contracts/identity.ts';
import { createDatabase } from '@meridian/kit/db/database.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { decodeProtectedHeader, SignJWT } from 'jose';
import { deriveKey } from '../src/crypto/mac.ts';
import type { IdentitySchema } from '../src/db/schema.ts';
import { rotateSigningKeys } from '../src/keys/rotate-signing-keys.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

const day = 24 * 3_600_000;

describe('signing keys', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ region: 'global' });
  }, 60_000);
  afterAll(() => stand?.stop());

  const kids = async () => (await stand.ask(getJwks, {})).body.keys.map((key) => key.kid);
  const rotate = async (times = 1) => {
    const db = createDatabase<IdentitySchema>({
      url: String(stand.env.DATABASE_URL),
      poolSize: 4,
      log: createLog({ service: 'test', region: 'global', level: 'silent' }),
      applicationName: 'test',
    });
    const signingKeySeal = deriveKey(String(stand.env.SIGNING_KEY_SECRET), 'signing keys');
    const rotated = await Promise.all(
      Array.from({ length: times }, () =>
        db.transaction((tx) => rotateSigningKeys(tx, { now: stand.now, signingKeySeal })),
      ),
    );
    await db.close();
    return rotated;
  };

  test('rotation: the published next key signs, the old one stays published until its tokens are gone; replicas rotate once', async () => {
    const before = await stand.signIn(stand.identifiers.email());
    const oldKid = decodeProtectedHeader(before.accessToken).kid;
    const [first, second] = await kids();
    const next = first === oldKid ? second : first;
    stand.moveClock(30 * day);
    await rotate(4);
    const { rows } = await stand.pool.query('select state, count(*)::int as n from signing_key group by 1 order by 1');
    expect(rows).toEqual([
      { state: 'current', n: 1 },
      { state: 'next', n: 1 },
      { state: 'previous', n: 1 },
    ]);
    expect(await kids()).toContain(oldKid);
    const after = await stand.signIn(stand.identifiers.email());
    expect(decodeProtectedHeader(after.accessToken).kid).toBe(next);
    expect((await stand.ask(getAccount, { token: after.accessToken })).body.status).toBe('active');
    stand.moveClock(3_600_000);
    await rotate();
    expect(await kids()).not.toContain(oldKid);
  });

  test('a key that is taken off is followed by the next, verifies for half a minute more, and stops no start', async () => {
    const leaked = await stand.signIn(stand.identifiers.email());
    const kid = String(decodeProtectedHeader(leaked.accessToken).kid);
    const next = (await kids()).find((one) => one !== kid);
    expect((await stand.ask(getAccount, { token: leaked.accessToken })).body.status).toBe('active');
    await stand.pool.query("delete from signing_key where state <> 'next'");
    await rotate(2);
    expect(await kids()).toHaveLength(2);
    expect(await kids()).not.toContain(kid);
    stand.moveClock(30_000);
    expect(await problemOf(stand.ask(getAccount, { token: leaked.accessToken }))).toMatchObject({
      code: 'unauthenticated',
    });
    const after = await stand.signIn(stand.identifiers.email());
    expect(decodeProtectedHeader(after.accessToken).kid).toBe(next);

    await stand.stopService();
    await stand.pool.query("delete from signing_key where state = 'current'");
    await stand.start();
    expect((await stand.signIn(stand.identifiers.email())).created).toBe(true);
  });

  test('private halves are sealed in the table', async () => {
    const { rows } = await stand.pool.query<{ row: string }>('select k::text as row from signing_key k');
    expect(rows.length).toBeGreaterThan(1);
    for (const { row } of rows) expect(row).not.toContain('"d"');
  });

  test('tokens of nobody are refused: another key under our kid, a missing claim, an unknown kid', async () => {
    const { accessToken, accountId, sessionId } = await stand.signIn(stand.identifiers.email());
    const { kid } = decodeProtectedHeader(accessToken);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const forge = (header: { kid?: string }) =>
      new SignJWT({ region: 'global', sid: sessionId, client_id: 'x' })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header })
        .setIssuer('http://127.0.0.1')
        .setAudience('meridian')
        .setSubject(accountId)
        .setJti('j')
        .setIssuedAt(Math.floor(stand.now().getTime() / 1_000))
        .setExpirationTime(Math.floor(stand.now().getTime() / 1_000) + 60)
        .sign(privateKey);
    for (const token of [await forge({ kid: String(kid) }), await forge({ kid: 'unknown' }), await forge({})])
      expect(await problemOf(stand.ask(getAccount, { token }))).toMatchObject({ code: 'unauthenticated' });
  });

  test('a restart keeps keys and sessions', async () => {
    const { accessToken } = await stand.signIn(stand.identifiers.email());
    await stand.stopService();
    await stand.start();
    expect(
      await waitFor('the account', async () => (await stand.ask(getAccount, { token: accessToken })).body.status),
    ).toBe('active');
  });
});

test('a method of the profile without its secrets stops the start, naming the variables and no value', async () => {
  const refused = await startStand({ region: 'cn', env: { SMS_ACCESS_KEY_SECRET: undefined, SMS_TEMPLATE: '' } }).then(
    () => undefined,
    (error: Error) => error,
  );
  expect(refused?.message).toContain('SMS_ACCESS_KEY_SECRET is missing');
  expect(refused?.message).toContain('SMS_TEMPLATE is missing');
});
