import type { EndpointDefinition } from '@meridian/contracts/endpoint.ts';
import { createKey, endpoints } from '@meridian/contracts/key-issuance.ts';
import { databaseHolds, databaseSnapshot } from '@meridian/testkit/endpoint-suite/database-snapshot.ts';
import type { Sample } from '@meridian/testkit/endpoint-suite/suite-types.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import pg from 'pg';
import { startHarness } from './harness.ts';

endpointSuite({
  service: 'key-issuance',
  endpoints,
  start: async () => {
    const service = await startHarness();
    const pool = new pg.Pool({ connectionString: service.databaseUrl, max: 1 });
    const [user, otherUser] = [service.newAccount(), service.newAccount()];
    const { body } = await service.asUser(user, createKey, {
      body: { name: 'k', product: 'payg' },
      idempotencyKey: 'k',
    });
    return {
      region: service.region,
      publicUrl: service.running.publicUrl,
      internalUrl: service.running.internalUrl,
      tokens: await service.tokens.suiteTokens('key-issuance', { user, otherUser }),
      snapshot: () => databaseSnapshot(pool, ['outbox', 'published_event', 'inbox', 'inbox_sequence']),
      holds: (id) => databaseHolds(pool, id),
      sampleOf: (endpoint: EndpointDefinition): Sample | undefined => {
        const ofKey = ['getKey', 'updateKey', 'rotateKey', 'revokeKey'];
        if (ofKey.includes(endpoint.id)) return { params: { keyId: body.key.keyId } };
        if (endpoint.id === 'getKeyStanding') return { params: { accountId: user }, unknownId: [200] };
        if (endpoint.id === 'setPlan')
          return { params: { accountId: user }, notOwned: { '/accountId': 'which accounts exist is not known here' } };
        if (['issuePlanKey', 'reportKeyUsage'].includes(endpoint.id)) return { body: { accountId: user } };
        if (endpoint.id === 'fenceAccount.key-issuance') return { body: { accountId: user } };
        if (endpoint.id === 'authorizeKey' || endpoint.id === 'authorizeKeyOfPost')
          return { headers: { 'x-meridian-product': 'payg', 'api-key': body.secret } };
        if (endpoint.id === 'listKeyChanges') return { query: { wait: 0 } };
        return undefined;
      },
      stop: async () => {
        await pool.end();
        await service.stop();
      },
    };
  },
});
