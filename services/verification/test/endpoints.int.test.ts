import { endpoints } from '@meridian/contracts/verification.ts';
import { databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { numberOf, startWorld } from './world.ts';

endpointSuite({
  service: 'verification',
  endpoints,
  start: async () => {
    const world = await startWorld();
    const [user, otherUser] = [world.newAccount(), world.newAccount()];
    return {
      region: world.region,
      publicUrl: world.service.publicUrl,
      internalUrl: world.service.internalUrl,
      tokens: await world.authority.suiteTokens('verification', { user, otherUser }),
      snapshot: () => databaseSnapshot(world.pool, ['idempotency_key']),
      sampleOf: (endpoint) => {
        switch (endpoint.id) {
          case 'submitPersonalVerification':
            return { body: { name: '张三', number: numberOf(1), consentVersion: '2026-11' } };
          case 'getVerificationStanding':
            // Not knowing an account is an answer here: it is not verified.
            return { params: { accountId: user }, unknownId: [200] };
          case 'matchRealName':
            return {
              body: { accountId: user, askedAs: 'real-name:'.padEnd(40, 'x'), name: '张三', number: numberOf(1) },
            };
          default:
            return undefined;
        }
      },
      stop: world.stop,
    };
  },
});
