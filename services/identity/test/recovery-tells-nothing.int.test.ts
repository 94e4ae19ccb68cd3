// That a recovery does not tell whether an account exists: nothing leaves, and every answer is the same.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Identifier } from '@meridian/contracts/identity.ts';
import { beginRecovery, sendRecoveryCode } from '@meridian/contracts/identity-recovery.ts';
import { helpers } from './support/recovery-people.ts';
import { type Stand, startStand } from './support/stand.ts';
import { type StatementLog, startStatementLog } from './support/statement-log.ts';

describe.each([
  { region: 'global', kind: 'email' as const },
  { region: 'cn', kind: 'phone' as const },
])('recovery tells nothing, by $kind in $region', ({ region, kind }) => {
  const identifier = () => stand.identifiers[kind]();
  let stand: Stand;
  let help: ReturnType<typeof helpers>;
  let log: StatementLog;
  beforeAll(async () => {
    log = startStatementLog();
    stand = await startStand({ region });
    help = helpers(stand, log);
  }, 60_000);
  afterAll(async () => {
    log.stop();
    await stand?.stop();
  });
  const newPerson = () => stand.signIn(identifier());
  const begin = async (account: Identifier) => {
    stand.moveClock(61_000);
    return (await stand.ask(beginRecovery, { body: { account } })).body.recoveryToken;
  };
  const password = 'a password of my own';

  test('no SMS to unknown numbers (recovery): nothing leaves for an address nobody has, nor for another account’s', async () => {
    const [person, stranger] = [await newPerson(), await newPerson()];
    const unknown = identifier();
    const [theirs, nobodys] = [await begin(person.identifier), await begin(unknown)];
    for (const { recoveryToken, given } of [
      { recoveryToken: theirs, given: stranger.identifier },
      { recoveryToken: theirs, given: identifier() },
      { recoveryToken: nobodys, given: person.identifier },
      { recoveryToken: nobodys, given: stranger.identifier },
      { recoveryToken: nobodys, given: unknown },
      { recoveryToken: nobodys, given: identifier() },
    ]) {
      stand.moveClock(61_000);
      const before = await help.codesAt(given.value);
      await stand.ask(sendRecoveryCode, { body: { recoveryToken, identifier: given, use: 'proof' } });
      await help.nothingOnItsWay(kind);
      expect(await help.codesAt(given.value)).toEqual(before);
    }
    expect(await stand.messages(unknown.value)).toEqual([]);
  });

  test('pretends the address exists: known and unknown answer alike at every step, after the same statements', async () => {
    const withFactor = await newPerson();
    await help.withTotp(withFactor.accessToken);
    const people = [withFactor, await newPerson()];
    const bare = await newPerson();
    await stand.pool.query('delete from contact where account_id = $1', [bare.accountId]);
    let n = 0;
    const walk = async (account: Identifier | { kind: 'account'; value: string }, own: Identifier) => {
      n += 1;
      const ip = `203.0.${n}.1`;
      const post = (path: string, body: object) => help.rawPost(path, body, ip);
      stand.moveClock(61_000);
      const seen = [await post('/v1/recoveries', { account })];
      stand.moveClock(61_000);
      const { recoveryToken, codeId } = (await stand.ask(beginRecovery, { body: { account } })).body;
      stand.moveClock(61_000);
      const wrong = { method: 'code', codeId, code: '123456' };
      const challenge = { method: 'passkey', challengeId: `chl_${region}_${'0'.repeat(26)}` };
      const credential = {
        id: 'AAAA',
        rawId: 'AAAA',
        type: 'public-key',
        response: { clientDataJSON: 'AAAA', authenticatorData: 'AAAA', signature: 'AAAA' },
        clientExtensionResults: {},
      };
      for (const proof of [
        ...Array.from({ length: 6 }, () => wrong),
        { method: 'totp', code: '123456' },
        { method: 'recovery_code', code: 'AAAAA-AAAAA' },
        { ...challenge, credential },
      ])
        seen.push(await post('/v1/recoveries/proofs', { recoveryToken, proof }));
      seen.push(await post('/v1/recoveries/codes', { recoveryToken, identifier: own, use: 'proof' }));
      const added = { recoveryToken, identifier: identifier(), use: 'new_contact' };
      seen.push(await post('/v1/recoveries/codes', added));
      seen.push(await post('/v1/recoveries/completion', { recoveryToken, password }));
      return seen;
    };
    for (const person of people) {
      const stranger = identifier();
      expect(await walk(stranger, stranger)).toEqual(await walk(person.identifier, person.identifier));
    }
    const byId = (value: string) => walk({ kind: 'account', value }, identifier());
    const nobody = await byId(`${bare.accountId.slice(0, -4)}ZZZZ`);
    for (const { accountId } of [...people, bare]) expect(await byId(accountId)).toEqual(nobody);
    expect(nobody.map(({ status }) => status)).toEqual([
      202, 401, 401, 401, 401, 401, 401, 401, 401, 401, 202, 403, 403,
    ]);
    // Nothing was compared if nothing was heard.
    for (const { statements } of nobody) expect(statements?.length).toBeGreaterThan(0);
  }, 60_000);
});
