import { randomBytes } from 'node:crypto';
import {
  beginPasskey,
  cancellationPreview,
  endpoints,
  getAccount,
  sendContactCode,
} from '@meridian/contracts/identity.ts';
import { newId } from '@meridian/kit/ids.ts';
import { databaseHolds, databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { type Stand, startStand, waitFor } from './support/stand.ts';

type Person = Awaited<ReturnType<Stand['signIn']>>;

/** A person with all that the samples speak of: an address, a proof, and a code for a further address. */
const prepare = async (stand: Stand, person: Person) => {
  const { accountId, accessToken: token } = person;
  const [own] = (await stand.ask(getAccount, { token })).body.contacts;
  const identifier = stand.identifiers.phone();
  const { codeId } = (await stand.ask(sendContactCode, { token, body: { identifier } })).body;
  const [message] = await waitFor('a code', async () => {
    const found = await stand.messages(identifier.value);
    return found.length > 0 && found;
  });
  const contact = { identifier, codeId, code: message?.code ?? '', replaces: own?.contactId ?? '' };
  return { accountId, token, contact, sessionId: person.sessionId };
};

/** As if the account had added it: what a browser would be needed for. */
const insertPasskey = async (stand: Stand, accountId: string): Promise<string> => {
  const id = newId('pky', stand.region, stand.now());
  await stand.pool.query(
    `insert into passkey (id, account_id, credential_id, public_key, counter, transports, name, created_at)
     values ($1, $2, $3, $4, 0, '{}', 'laptop', $5)`,
    [id, accountId, randomBytes(16).toString('base64url'), randomBytes(77), stand.now()],
  );
  return id;
};

endpointSuite({
  service: 'identity',
  endpoints,
  start: async () => {
    const stand = await startStand({ region: 'cn', env: { CODE_RESEND_SECONDS: '1' } });
    const [person, otherPerson] = [
      await stand.signIn(stand.identifiers.phone()),
      await stand.signIn(stand.identifiers.phone()),
    ];
    const [user, other] = [await prepare(stand, person), await prepare(stand, otherPerson)];
    stand.moveClock(2_000);
    const proof = await stand.codeFor(person.identifier, 'reauthenticate');
    const otherProof = await stand.codeFor(otherPerson.identifier, 'reauthenticate');
    const { consequencesVersion } = (await stand.ask(cancellationPreview, { token: user.token })).body;
    const { challengeId } = (await stand.ask(beginPasskey, { token: user.token })).body;
    const otherChallenge = (await stand.ask(beginPasskey, { token: other.token })).body.challengeId;
    const passkeyId = await insertPasskey(stand, user.accountId);
    const minted = await stand.issuer.suiteTokens('identity', { user: user.accountId, otherUser: other.accountId });
    const samples: Readonly<Record<string, Sample>> = {
      getSecurityEmail: { params: { accountId: user.accountId }, unknownId: [404] },
      sendCode: { body: { identifier: { kind: 'phone', value: '+8613800138000' }, purpose: 'login' } },
      endOneSession: { params: { sessionId: user.sessionId } },
      removePasskey: { params: { passkeyId } },
      removeContact: { params: { contactId: user.contact.replaces } },
      addContact: {
        body: user.contact,
        otherBody: other.contact,
        // A code that is not the caller's is wrong, and says no more.
        bodyIds: { '/codeId': [401] },
        books: ['code', 'security_log'],
      },
      addPasskey: {
        body: { challengeId },
        otherBody: { challengeId: otherChallenge },
        bodyIds: { '/challengeId': [401] },
      },
      reauthenticate: {
        body: { method: 'code', ...proof },
        otherBody: { method: 'code', ...otherProof },
        // The user has a second factor and is told so first; the other account has none, and is told that the code is wrong.
        bodyIds: { '/codeId': [401, 403] },
        notOwned: { '/challengeId': 'a challenge is drawn for nobody; whose the passkey is, its answer proves' },
        books: ['code', 'security_log'],
      },
      cancelAccount: {
        body: { ...proof, consequencesVersion },
        otherBody: { ...otherProof, consequencesVersion },
        bodyIds: { '/codeId': [403] },
        books: ['code', 'security_log'],
      },
    };
    return {
      ...stand.urls(),
      // Identity believes tokens of its own only; expired and foreign ones of the test issuer are refused for what they are.
      tokens: { ...minted, user: user.token, otherUser: other.token },
      snapshot: () => databaseSnapshot(stand.pool, ['outbox', 'limit_count', 'inbox']),
      holds: (id) => databaseHolds(stand.pool, id),
      sampleOf: ({ id }) => samples[id],
      stop: () => stand.stop(),
    };
  },
});
