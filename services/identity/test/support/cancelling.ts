// A person who cancels their account, and what the other services answer.
import { accountErased } from '@meridian/contracts/events/lifecycle.ts';
import { cancelAccount, cancellationPreview, getCancellation } from '@meridian/contracts/identity.ts';
import { others } from './participants.ts';
import type { Stand } from './stand.ts';

export const cancelling = (standOf: () => Stand) => {
  type Person = Awaited<ReturnType<Stand['signIn']>>;
  const preview = async (person: Person) =>
    (await standOf().ask(cancellationPreview, { token: person.accessToken })).body;
  /** Everything a cancellation needs, and the call itself. */
  const prepare = async (person: Person) => {
    standOf().moveClock(61_000);
    const code = await standOf().codeFor(person.identifier, 'reauthenticate');
    const { consequencesVersion } = await preview(person);
    return { body: { ...code, consequencesVersion }, token: person.accessToken };
  };
  const cancel = async (person: Person) => standOf().ask(cancelAccount, await prepare(person));
  const status = async (receiptToken: string) =>
    (await standOf().ask(getCancellation, { body: { receiptToken } })).body;
  const answerErasure = async (sagaId: string, accountId: string, except?: string) => {
    for (const service of others.filter((name) => name !== except))
      await standOf().publishAs(service, accountErased, accountId, {
        sagaId,
        service,
        erased: { rows: 3 },
        retained:
          service === 'billing'
            ? [{ class: 'payments', count: 2, basis: 'E-Commerce Law, article 31', until: '2029-12-31' }]
            : [],
      });
  };
  const typesOf = async (accountId: string) => (await standOf().published(accountId)).map((event) => event.type);
  return { preview, prepare, cancel, status, answerErasure, typesOf };
};
