import { createHash, randomBytes } from 'node:crypto';
import { endpointsOf } from '@meridian/contracts/all.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { beginPasskey, cancellationPreview, getAccount, sendContactCode } from '@meridian/contracts/identity.ts';
import { newId } from '@meridian/kit/ids.ts';
import { encryptMessage, sha1Signature, writeMessage } from '@meridian/sandbox/logins/wechat/push-message.ts';
import { databaseHolds, databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { type Stand, startStand, waitFor } from './support/stand.ts';

type Person = Awaited<ReturnType<Stand['signIn']>>;

/** A person with all that the samples speak of: an address, and a code for a further one. */
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

/** As if the account had added them: what a browser, or a provider elsewhere, would be needed for. */
const insertPasskey = async (stand: Stand, accountId: string): Promise<string> => {
  const id = newId('pky', stand.region, stand.now());
  await stand.pool.query(
    `insert into passkey (id, account_id, credential_id, public_key, counter, name, created_at)
     values ($1, $2, $3, $4, 0, 'laptop', $5)`,
    [id, accountId, randomBytes(16).toString('base64url'), randomBytes(77), stand.now()],
  );
  return id;
};
const insertLogin = async (stand: Stand, accountId: string): Promise<string> => {
  const id = newId('lnk', stand.region, stand.now());
  await stand.pool.query(
    `insert into linked_login (id, account_id, provider, linked_at, last_used_at) values ($1, $2, 'xiaomi', $3, $3)`,
    [id, accountId, stand.now()],
  );
  return id;
};

const pushRefused = { status: 401, code: 'push_refused' } as const;

/** WeChat's own question whether the address is ours, rightly signed; and in the place of its proof, others. */
const handshakeSample = (stand: Stand): Sample => {
  const { pushToken } = stand.outside.logins.wechat;
  const ask = (token: string, ageSeconds = 0) => {
    const [timestamp, nonce] = [String(Math.floor(stand.now().getTime() / 1_000) - ageSeconds), '1234567890'];
    return { timestamp, nonce, signature: sha1Signature(token, timestamp, nonce) };
  };
  return {
    params: { provider: 'wechat' },
    query: { ...ask(pushToken), echostr: '42' },
    signature: {
      query: ['timestamp', 'nonce', 'signature'],
      refusal: pushRefused,
      foreign: [
        { what: "signed with another app's token", query: ask('another token') },
        { what: 'signed an hour ago', query: ask(pushToken, 3_600) },
      ],
    },
  };
};

/** A push of WeChat in its safe mode about a person that nobody knows. */
const pushSample = (stand: Stand): Sample => {
  const { appId, pushToken, encodingAesKey } = stand.outside.logins.wechat;
  const push = ({ token = pushToken, app = appId, key = encodingAesKey, ageSeconds = 0 } = {}) => {
    const [timestamp, nonce] = [String(Math.floor(stand.now().getTime() / 1_000) - ageSeconds), '1234567890'];
    const event = { Event: 'user_authorization_revoke', AppID: app, OpenID: 'o-nobody', CreateTime: Number(timestamp) };
    const encrypted = encryptMessage(writeMessage(event, 'json'), app, key);
    return {
      query: {
        timestamp,
        nonce,
        signature: sha1Signature(token, timestamp, nonce),
        encrypt_type: 'aes',
        msg_signature: sha1Signature(token, timestamp, nonce, encrypted),
      },
      body: writeMessage({ ToUserName: 'gh', Encrypt: encrypted }, 'json'),
    };
  };
  return {
    params: { provider: 'wechat' },
    ...push(),
    signature: {
      query: ['timestamp', 'nonce', 'encrypt_type', 'msg_signature'],
      refusal: pushRefused,
      foreign: [
        { what: "signed with another app's token", ...push({ token: 'another token' }) },
        { what: 'of another app', ...push({ app: 'wx0000000000000000' }) },
        { what: 'encrypted with another key', ...push({ key: 'k'.repeat(43) }) },
        { what: 'signed an hour ago', ...push({ ageSeconds: 3_600 }) },
        { what: 'another message under this proof', body: push().body },
      ],
    },
  };
};

/** Of sign-in by accounts elsewhere: an address that the profile does not list, so that even a genuine caller changes nothing. */
const loginSample = (
  stand: Stand,
  endpoint: EndpointDefinition,
  { deletionCode, loginId }: { deletionCode: string; loginId: string },
): Sample | undefined => {
  const returnTo = { returnTo: 'https://console.example/login' };
  const token = randomBytes(32).toString('base64url');
  const identifier = { kind: 'phone', value: '+8613800138000' };
  switch (endpoint.id) {
    case 'beginLogin':
    case 'beginLink':
    case 'beginLoginProof':
      return { params: { provider: 'xiaomi' }, body: returnTo };
    case 'loginCallback':
    case 'loginCallbackForm':
      return { params: { provider: 'apple' } };
    case 'loginPush':
      return pushSample(stand);
    case 'loginPushHandshake':
      return handshakeSample(stand);
    case 'getLoginDeletion':
      return { params: { code: deletionCode } };
    case 'completeLogin':
    case 'confirmLink':
    case 'confirmLoginProof':
      return { body: { code: token } };
    case 'sendBindingCode':
    case 'confirmBinding':
      return { body: { bindingToken: token, identifier } };
    case 'unlinkLogin':
      return { params: { loginId } };
    default:
      return undefined;
  }
};

endpointSuite({
  service: 'identity',
  endpoints: endpointsOf.identity,
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
    const loginId = await insertLogin(stand, user.accountId);
    const deletionCode = randomBytes(16).toString('base64url');
    await stand.pool.query("insert into login_deletion values ($1, 'apple', now(), null, null, null)", [
      createHash('sha256').update(deletionCode).digest('base64url'),
    ]);
    const minted = await stand.issuer.suiteTokens('identity', { user: user.accountId, otherUser: other.accountId });
    const lost = {
      body: {
        account: { kind: 'phone', value: '+8613800138000' },
        contact: { kind: 'phone', value: '+8613800138001' },
      },
    };
    const nobody = '0'.repeat(26);
    const samples: Readonly<Record<string, Sample>> = {
      getSecurityEmail: { params: { accountId: user.accountId } },
      sendCode: { body: { identifier: { kind: 'phone', value: '+8613800138000' }, purpose: 'login' } },
      endOneSession: { params: { sessionId: user.sessionId } },
      removePasskey: { params: { passkeyId } },
      removeContact: { params: { contactId: user.contact.replaces } },
      signOutStaff: { params: { staffId: `stf_${stand.region}_${nobody}` } },
      decideRecovery: { params: { ticketId: `rtk_${stand.region}_${nobody}` } },
      beginRecovery: lost,
      openRecoveryTicket: lost,
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
      region: stand.region,
      ...stand.urls(),
      // Identity believes tokens of its own only; expired and foreign ones of the test issuer are refused for what they are.
      tokens: { ...minted, user: user.token, otherUser: other.token, staffWith: stand.staffToken },
      snapshot: () => databaseSnapshot(stand.pool, ['outbox', 'published_event', 'limit_count', 'inbox']),
      holds: (id) => databaseHolds(stand.pool, id),
      sampleOf: (endpoint) => samples[endpoint.id] ?? loginSample(stand, endpoint, { deletionCode, loginId }),
      stop: () => stand.stop(),
    };
  },
});
