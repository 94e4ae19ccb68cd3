import { endpoints, openAiError } from '@meridian/contracts/gateway.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { startHarness } from './harness.ts';

const none = () => {
  throw new Error('the gateway takes no tokens');
};

endpointSuite({
  service: 'gateway',
  endpoints,
  start: async () => {
    const door = await startHarness();
    return {
      publicUrl: door.gateway.publicUrl,
      internalUrl: door.gateway.internalUrl,
      tokens: { user: '', staffWith: none, service: none },
      snapshot: async () => ({ holds: door.neighbours.holds.size, verified: door.neighbours.verified.length }),
      sampleOf: () => ({ headers: { authorization: `Bearer ${door.key}` } }),
      readRefusal: (body: unknown) => openAiError.safeParse(body).data?.error,
      stop: door.stop,
    };
  },
});
