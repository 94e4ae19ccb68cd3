import { expect, test } from '@jest/globals';
import { createLog } from '../telemetry/log.ts';
import { createBackground } from './background.ts';

const log = createLog({ service: 'test', region: 'cn', level: 'silent' });

test('a job that is at work when the service stops ends its run and is not waited for any longer', async () => {
  const background = createBackground(log);
  let release = () => {};
  let runs = 0;
  const begun = new Promise<void>((started) => {
    background.every(3_600_000, 'slow', async () => {
      runs += 1;
      started();
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    });
  });
  background.start();
  await begun;
  const stopped = background.stop();
  release();
  await stopped;
  expect(runs).toBe(1);
});
