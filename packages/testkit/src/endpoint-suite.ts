// The shared endpoint suite: every declared endpoint of a service refuses what it must refuse, as declared, and changes nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import { checkEndpoint } from './endpoint-suite/check-endpoint.ts';
import type { SuiteRunning } from './endpoint-suite/suite-types.ts';

/**
 * Registers one jest test per endpoint. `start` starts the service (with 127.0.0.1 as trusted proxy, so that the flood guard counts
 * each request by itself) and prepares what `sampleOf` refers to. Prints how many requests were refused as declared.
 */
export const endpointSuite = (options: {
  service: ServiceName;
  endpoints: readonly EndpointDefinition[];
  start: () => Promise<SuiteRunning>;
}): void => {
  const { service, endpoints, start } = options;
  describe(`endpoint suite of ${service}`, () => {
    let running: SuiteRunning;
    const counts = new Map<string, number>();
    beforeAll(async () => {
      running = await start();
    }, 60_000);
    afterAll(async () => {
      const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
      const parts = [...counts].map(([group, n]) => `${group} ${n}`).join(', ');
      process.stdout.write(
        `endpoint suite of ${service}: ${endpoints.length} endpoints, ${total} requests judged (${parts})\n`,
      );
      await running?.stop();
    });
    for (const endpoint of endpoints) {
      test(`${endpoint.id} (${endpoint.method} ${endpoint.path}) refuses what it must, as declared, and changes nothing`, async () => {
        const verdicts = await checkEndpoint(running, endpoint, endpoints);
        for (const { group } of verdicts) counts.set(group, (counts.get(group) ?? 0) + 1);
        expect(verdicts.length).toBeGreaterThan(0);
        expect(
          verdicts.filter((v) => v.failure !== undefined).map((v) => `[${v.group}] ${v.what}: ${v.failure}`),
        ).toEqual([]);
      }, 120_000);
    }
  });
};
