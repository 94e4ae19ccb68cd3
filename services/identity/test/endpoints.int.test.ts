import { endpointsOf } from '@meridian/contracts/all.ts';
import { getAccount } from '@meridian/contracts/identity.ts';
import { databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { type Stand, startStand } from './support/stand.ts';

let stand: Stand;

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
        return undefined;
      },
      stop: () => stand.stop(),
    };
  },
});
