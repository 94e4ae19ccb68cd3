import { expect, test } from '@jest/globals';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { createMetrics } from '@meridian/kit/telemetry/metrics.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { BatchError } from './batch-queue.ts';
import { createFailureLog } from './verification-failures.ts';

test('a thousand failures are two lines in the log and a thousand in the metric, by reason', async () => {
  const lines: { count: number; err: { summary: string } }[] = [];
  const log = createLog({
    service: 'key-issuance',
    region: 'cn',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics({ processMetrics: false });
  const note = createFailureLog({ log, metrics, everyMs: 50 });
  for (let i = 0; i < 998; i += 1) note(new BatchError('overloaded'));
  note(new BatchError('timeout'));
  note(new Error('connection lost'));
  // The first at once, the others together.
  expect(lines.map(({ count }) => count)).toEqual([1]);
  await waitFor(async () => lines.length === 2);
  expect(lines[1]).toMatchObject({ count: 999, err: { summary: 'connection lost' } });
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(lines).toHaveLength(2);
  // After a second without any, the next is told at once again.
  note(new BatchError('overloaded'));
  expect(lines.map(({ count }) => count)).toEqual([1, 999, 1]);

  const { values } = await metrics.registry.getSingleMetric('key_verifications_failed_total')!.get();
  expect(Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]))).toEqual({
    overloaded: 999,
    timeout: 1,
    database: 1,
  });
});
