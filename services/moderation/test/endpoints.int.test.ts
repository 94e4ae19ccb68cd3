import { endpoints } from '@meridian/contracts/moderation.ts';
import { newId } from '@meridian/kit/ids.ts';
import { databaseHolds, databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { startWorld } from './world.ts';

endpointSuite({
  service: 'moderation',
  endpoints,
  start: async () => {
    const world = await startWorld();
    const [user, otherUser] = [world.newAccount(), world.newAccount()];
    const verdict = await world.say(user, 'with neutral-protect in it');
    if (verdict.verdict !== 'account_protected') throw new Error('the account of the suite should be protected');
    const { caseId } = verdict;
    const [hit] = await world.match('neutral-note');
    // Not protected, so that its score reads the rules; one hit is of a version that only the contract knows.
    const hits = [hit, { ...hit, version: 2_147_483_647, fingerprint: '0'.repeat(64) }];
    const scored = { accountId: world.newAccount(), requestId: newId('req', world.region, world.now()), hits };
    return {
      region: world.region,
      publicUrl: world.service.publicUrl,
      internalUrl: world.service.internalUrl,
      tokens: await world.authority.suiteTokens('moderation', { user, otherUser }),
      snapshot: () => databaseSnapshot(world.pool, ['idempotency_key', 'outbox', 'published_event']),
      holds: (id) => databaseHolds(world.pool, id),
      sampleOf: (endpoint): Sample | undefined => {
        switch (endpoint.id) {
          case 'submitAppeal':
            return { body: { caseId, text: 'please look again' } };
          case 'getCase':
            return { params: { caseId } };
          case 'decideCase':
            return { params: { caseId }, body: { decision: 'uphold', reason: 'seen' } };
          case 'matchText':
            return { body: { texts: ['neutral-note'] } };
          case 'scoreHits':
            return { body: scored };
          case 'getModerationStanding':
            // Not knowing an account is an answer here: no case is open.
            return { params: { accountId: user }, unknownId: [200] };
          default:
            return undefined;
        }
      },
      stop: world.stop,
    };
  },
});
