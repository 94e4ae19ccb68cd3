import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  beginRecovery,
  completeRecovery,
  completeRecoveryTicket,
  openRecoveryTicket,
  proveRecovery,
  sendTicketCode,
} from '@meridian/contracts/identity-recovery.ts';
import { helpers } from './support/recovery-people.ts';
import { problemOf, type Stand, startStand, waitFor } from './support/stand.ts';

describe('terms that changed', () => {
  let stand: Stand;
  let help: ReturnType<typeof helpers>;
  beforeAll(async () => {
    stand = await startStand({ region: 'cn' });
    help = helpers(stand);
  }, 60_000);
  afterAll(() => stand?.stop());

  const personOfOldTerms = async () => {
    const person = await stand.signIn(stand.identifiers.phone());
    await stand.pool.query("update consent set terms_version = '2020-01' where account_id = $1", [person.accountId]);
    stand.moveClock(61_000);
    return person;
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
    const body = { recoveryToken, password: 'a password of my own' };
    expect(await problemOf(stand.ask(completeRecovery, { body }))).toMatchObject(asked);
    expect(await agreed(accountId)).toEqual(['2020-01']);
    const { termsVersion } = stand;
    const recovered = await stand.ask(completeRecovery, { body: { ...body, termsVersion } });
    expect(recovered.body.accountId).toBe(accountId);
    expect(await agreed(accountId)).toEqual(['2020-01', termsVersion].sort());
  });

  test('are put to whoever completes a ticket; the same code comes back with the consent', async () => {
    const { accountId, identifier } = await personOfOldTerms();
    const realName = { name: '张三', number: '440304199001010011' };
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
});
