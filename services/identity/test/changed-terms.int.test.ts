// Terms that changed are put to whoever signs in, and recorded as accepted once the person is proven whole.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  completeSignIn,
  createSession,
  type Identifier,
  setPassword,
  signInByPassword,
} from '@meridian/contracts/identity.ts';
import {
  beginRecovery,
  completeRecovery,
  completeRecoveryTicket,
  completeSecondProof,
  disownAccount,
  openRecoveryTicket,
  proveRecovery,
  sendTicketCode,
} from '@meridian/contracts/identity-recovery.ts';
import { createBrowser, registerApps, signInBy } from './support/browser.ts';
import { helpers } from './support/recovery-people.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe('terms that changed', () => {
  let stand: Stand;
  let help: ReturnType<typeof helpers>;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    help = helpers(stand);
    await registerApps(stand);
  }, 60_000);
  afterAll(() => stand?.stop());

  const password = 'a password of my own';
  const realName = { name: '张三', number: '440304199001010011' };
  const agreedLongAgo = (accountId: string) =>
    stand.pool.query("update consent set terms_version = '2020-01' where account_id = $1", [accountId]);
  const personOfOldTerms = async () => {
    const person = await stand.signIn(stand.identifiers.phone());
    await agreedLongAgo(person.accountId);
    stand.moveClock(61_000);
    return person;
  };
  const byCode = async (identifier: Identifier) => {
    const code = await stand.codeFor(identifier);
    return stand.ask(createSession, { body: { ...code, identifier, termsVersion: stand.termsVersion } });
  };
  const agreed = async (accountId: string) => {
    const { rows } = await stand.pool.query('select terms_version from consent where account_id = $1', [accountId]);
    return rows.map((row) => row.terms_version as string).sort();
  };
  const asked = { code: 'consent_required', status: 422 };

  test('are put to whoever recovers the account; the same comes back with the consent', async () => {
    const { accountId, identifier } = await personOfOldTerms();
    const { recoveryToken, codeId, code } = await help.codeFrom(identifier.value, () =>
      stand.ask(beginRecovery, { body: { account: identifier } }),
    );
    await stand.ask(proveRecovery, { body: { recoveryToken, proof: { method: 'code', codeId, code } } });
    const body = { recoveryToken, password };
    expect(await problemOf(stand.ask(completeRecovery, { body }))).toMatchObject(asked);
    expect(await agreed(accountId)).toEqual(['2020-01']);
    const { termsVersion } = stand;
    const recovered = await stand.ask(completeRecovery, { body: { ...body, termsVersion } });
    expect(recovered.body.accountId).toBe(accountId);
    expect(await agreed(accountId)).toEqual(['2020-01', termsVersion].sort());
  });

  test('are put to whoever completes a ticket; the same code comes back with the consent', async () => {
    const { accountId, identifier } = await personOfOldTerms();
    stand.participants.persons.set(accountId, realName);
    const contact = stand.identifiers.phone();
    const { ticketId, ticketToken } = (
      await stand.ask(openRecoveryTicket, { body: { account: identifier, contact, realName } })
    ).body;
    await waitFor('the owner to hear', async () => {
      const query = 'select 1 from recovery_ticket where id = $1 and heard_at is not null';
      return (await stand.pool.query(query, [ticketId])).rowCount === 1;
    });
    stand.moveClock(stand.profile.recovery.coolingOffHours * 3_600_000);
    const { codeId, code } = await help.codeFrom(contact.value, () =>
      stand.ask(sendTicketCode, { body: { ticketToken, contact } }),
    );
    const body = { ticketToken, contact: { identifier: contact, codeId, code } };
    expect(await problemOf(stand.ask(completeRecoveryTicket, { body }))).toMatchObject(asked);
    const { termsVersion } = stand;
    const completed = await stand.ask(completeRecoveryTicket, { body: { ...body, termsVersion } });
    expect(completed.body.accountId).toBe(accountId);
    expect(await agreed(accountId)).toEqual(['2020-01', termsVersion].sort());
  });

  test.each(['code', 'password', 'login elsewhere'] as const)(
    'accepted with a %s they count once the second factor is shown, not before',
    async (way) => {
      const { termsVersion } = stand;
      const browser = createBrowser(stand);
      const person = 'person-1';
      const identifier = stand.identifiers.phone();
      const { accountId, accessToken } =
        way === 'login elsewhere'
          ? (await signInBy(stand, browser, 'qq', person)).body
          : await stand.signIn(identifier);
      if (way === 'password') await stand.ask(setPassword, { token: accessToken, body: { password } });
      const { codeNow } = await help.withTotp(accessToken);
      await agreedLongAgo(accountId);
      stand.moveClock(61_000);
      const begin = {
        code: () => problemOf(byCode(identifier)),
        password: () => problemOf(stand.ask(signInByPassword, { body: { identifier, password, termsVersion } })),
        'login elsewhere': async () => {
          const { code, body } = await browser.signIn('qq', person);
          return { code, problem: body };
        },
      }[way];
      const { code, problem } = (await begin()) as unknown as { code: string; problem: { challenge: string } };
      expect(code).toBe('second_factor_required');
      expect(await agreed(accountId)).toEqual(['2020-01']);
      const factor = { method: 'totp', code: codeNow() } as const;
      const done = await stand.ask(completeSignIn, { body: { challenge: problem.challenge, factor } });
      expect(done.body.accountId).toBe(accountId);
      expect(await agreed(accountId)).toEqual(['2020-01', termsVersion].sort());
    },
  );

  describe('at a number that may have changed hands', () => {
    const doubted = async (person: { accountId: string; identifier: Identifier }) => {
      stand.participants.persons.set(person.accountId, realName);
      stand.moveClock(61 * 86_400_000);
      const { code, problem } = await problemOf(byCode(person.identifier));
      expect(code).toBe('second_proof_required');
      expect(await agreed(person.accountId)).toEqual(['2020-01']);
      return (problem as unknown as { challenge: string }).challenge;
    };

    test('they count once its owner has shown the second proof', async () => {
      const person = await personOfOldTerms();
      const challenge = await doubted(person);
      const proof = { method: 'real_name', ...realName } as const;
      expect((await stand.ask(completeSecondProof, { body: { challenge, proof } })).body.accountId).toBe(
        person.accountId,
      );
      expect(await agreed(person.accountId)).toEqual(['2020-01', stand.termsVersion].sort());
    });

    test('a new holder accepts them for the own account alone', async () => {
      const person = await personOfOldTerms();
      const { termsVersion } = stand;
      const challenge = await doubted(person);
      const { accountId } = (await stand.ask(disownAccount, { body: { challenge, termsVersion } })).body;
      expect(accountId).not.toBe(person.accountId);
      expect(await agreed(accountId)).toEqual([termsVersion]);
      expect(await agreed(person.accountId)).toEqual(['2020-01']);
    });
  });
});
