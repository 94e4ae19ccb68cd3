import { expect, test } from '@jest/globals';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createMetrics } from '@meridian/kit/telemetry/metrics.ts';
import { createErasureProof } from './prove-erasure.ts';

test('a sweep that cannot be finished leaves what the last one found, and when', async () => {
  const metrics = createMetrics({ processMetrics: false });
  let at = 1_000;
  let sweep = async (): Promise<Record<string, number>> => ({});
  const prove = createErasureProof({
    sweep: () => sweep(),
    now: () => new Date(at * 1000),
    log: createLog({ service: 'identity', region: 'cn', level: 'silent' }),
    metrics,
  });
  const figures = async () =>
    (await metrics.registry.metrics()).split('\n').filter((line) => /^identity_erasure_/.test(line));
  expect(await figures()).toEqual(['identity_erasure_proven_timestamp_seconds 0']);

  sweep = async () => ({ account: 2 });
  await prove();
  const found = ['identity_erasure_leftovers{table="account"} 2', 'identity_erasure_proven_timestamp_seconds 1000'];
  expect(await figures()).toEqual(found);

  at = 2_000;
  sweep = async () => {
    throw new Error('statement timeout');
  };
  await expect(prove()).rejects.toThrow('statement timeout');
  expect(await figures()).toEqual(found);

  sweep = async () => ({});
  await prove();
  expect(await figures()).toEqual(['identity_erasure_proven_timestamp_seconds 2000']);
});
