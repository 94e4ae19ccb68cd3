import { endpoints, openAiError } from '@meridian/contracts/gateway.ts';
import { endpointSuite } from '@meridian/testkit/endpoint-suite.ts';
import { lookalike, model, startHarness } from './harness.ts';

const none = () => {
  throw new Error('the gateway takes no tokens');
};

endpointSuite({
  service: 'gateway',
  endpoints,
  start: async () => {
    const door = await startHarness();
    return {
      region: door.region,
      publicUrl: door.gateway.publicUrl,
      internalUrl: door.gateway.internalUrl,
      tokens: { user: '', staffWith: none, service: none },
      snapshot: async () => ({ holds: door.neighbours.holds.size, verified: door.neighbours.verified.length }),
      sampleOf: (endpoint) => ({
        headers: { authorization: `Bearer ${door.key}` },
        ...(endpoint.id === 'createChatCompletion' && {
          body: { model, messages: [{ role: 'user', content: 'say: hello' }] },
        }),
        signature: {
          headers: ['authorization'],
          refusal: { status: 401, code: 'key_invalid' },
          foreign: [
            {
              what: "another region's key",
              headers: { authorization: `Bearer ${lookalike('sk', 'global')}` },
              refusal: { status: 401, code: 'key_region_mismatch' },
            },
            {
              what: "another product's key",
              headers: { authorization: `Bearer ${lookalike('tp', 'cn')}` },
              refusal: { status: 401, code: 'key_product_mismatch' },
            },
            { what: 'a key of no region', headers: { authorization: `Bearer ${lookalike('sk', 'mars')}` } },
          ],
        },
      }),
      readRefusal: (body: unknown) => openAiError.safeParse(body).data?.error,
      stop: door.stop,
    };
  },
});
