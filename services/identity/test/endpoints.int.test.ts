import { createHash, randomBytes } from 'node:crypto';
import { endpointsOf } from '@meridian/contracts/all.ts';
import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { getAccount } from '@meridian/contracts/identity.ts';
import { databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { type Stand, startStand } from './support/stand.ts';

let stand: Stand;

/** WeChat's own question whether the address is ours, rightly signed. */
const handshake = () => {
  const [timestamp, nonce] = [String(Math.floor(stand.now().getTime() / 1_000)), '1234567890'];
  const parts = [stand.outside.logins.wechat.pushToken, timestamp, nonce].sort();
  const signature = createHash('sha1').update(parts.join('')).digest('hex');
  return { timestamp, nonce, signature, echostr: '42' };
};
/** Of sign-in by accounts elsewhere: an address that the profile does not list, so that even a genuine caller changes nothing. */
const loginSample = (endpoint: EndpointDefinition, deletionCode: string): Sample | undefined => {
  const returnTo = { returnTo: 'https://console.example/login' };
  const token = randomBytes(32).toString('base64url');
  const identifier = { kind: 'phone', value: '+8613800138000' };
  switch (endpoint.id) {
    case 'beginLogin':
    case 'beginLink':
    case 'beginLoginProof':
      return { params: { provider: 'xiaomi' }, body: returnTo, otherAccount: [403] };
    case 'loginCallback':
    case 'loginCallbackForm':
    case 'loginPush':
      return { params: { provider: 'apple' } };
    case 'loginPushHandshake':
      return { params: { provider: 'wechat' }, query: handshake() };
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
      return { params: { loginId: `lnk_${stand.region}_${'0'.repeat(26)}` } };
    default:
      return undefined;
  }
};

endpointSuite({
  service: 'identity',
  endpoints: endpointsOf.identity,
  start: async () => {
    stand = await startStand({ region: 'cn' });
    const [user, other] = [
      await stand.signIn(stand.identifiers.phone()),
      await stand.signIn(stand.identifiers.phone()),
    ];
    const minted = await stand.issuer.suiteTokens('identity', { user: user.accountId, otherUser: other.accountId });
    // Identity believes tokens of its own only; expired and foreign ones of the test issuer are refused for what they are.
    const tokens = { ...minted, user: user.accessToken, otherUser: other.accessToken, staffWith: stand.staffToken };
    const [own] = (await stand.ask(getAccount, { token: user.accessToken })).body.contacts;
    const contactId = own?.contactId ?? '';
    const deletionCode = randomBytes(16).toString('base64url');
    await stand.pool.query("insert into login_deletion values ($1, 'apple', now(), null, null, null)", [
      createHash('sha256').update(deletionCode).digest('base64url'),
    ]);
    return {
      ...stand.urls(),
      tokens,
      snapshot: () => databaseSnapshot(stand.pool, ['outbox', 'published_event', 'limit_count', 'inbox']),
      sampleOf: (endpoint): Sample | undefined => {
        if (endpoint.id === 'getSecurityEmail') return { params: { accountId: user.accountId } };
        if (endpoint.id === 'sendCode')
          return { body: { identifier: { kind: 'phone', value: '+8613800138000' }, purpose: 'login' } };
        if (endpoint.id === 'endOneSession') return { params: { sessionId: user.sessionId } };
        if (endpoint.id === 'removePasskey') return { params: { passkeyId: `pky_${stand.region}_${'0'.repeat(26)}` } };
        if (endpoint.id === 'signOutStaff') return { params: { staffId: `stf_${stand.region}_${'0'.repeat(26)}` } };
        if (endpoint.id === 'decideRecovery') return { params: { ticketId: `rtk_${stand.region}_${'0'.repeat(26)}` } };
        if (endpoint.id === 'beginRecovery' || endpoint.id === 'openRecoveryTicket')
          return {
            body: {
              account: { kind: 'phone', value: '+8613800138000' },
              contact: { kind: 'phone', value: '+8613800138001' },
            },
          };
        if (endpoint.id === 'removeContact') return { params: { contactId } };
        return loginSample(endpoint, deletionCode);
      },
      stop: () => stand.stop(),
    };
  },
});
