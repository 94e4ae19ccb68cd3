// The main job in every region that comes with Meridian, and in a third one that exists as a profile alone.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defineProfile } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
import { runMainJob } from './journeys/main-job.ts';
import { startTestCopy, type TestCopy } from './support/test-copy.ts';

const { global } = profiles;
if (!global) throw new Error('the profile "global" is missing');

/** A region nobody wrote a line of service code for: e-mail, euros, its own prices and links. */
const eu = defineProfile({
  ...global,
  id: 'eu',
  name: 'Europe',
  currency: 'EUR',
  addresses: {
    api: 'https://api.eu.meridian.example',
    baseUrls: { payg: 'https://model.eu.meridian.example/v1', plan: null },
  },
  corsOrigins: ['https://console.eu.meridian.example'],
  models: [
    {
      model: 'meridian-eu',
      promptPerMillion: '120000000',
      cachedPerMillion: '2400000',
      completionPerMillion: '260000000',
    },
  ],
});

let copy: TestCopy;
beforeAll(async () => {
  copy = await startTestCopy([...Object.values(profiles), eu]);
}, 90_000);
afterAll(() => copy.stop());

describe('the main job', () => {
  test.each([...Object.keys(profiles), eu.id])(
    'passes in region %s',
    async (id) => {
      const steps: string[] = [];
      await runMainJob({ base: copy.region(id).api, sandbox: copy.sandbox }, ({ name, ok, text }) =>
        steps.push(`${ok ? 'ok' : 'FAIL'} ${name}: ${text}`),
      );
      expect(steps.filter((line) => !line.startsWith('ok'))).toEqual([]);
      expect(steps.length).toBeGreaterThanOrEqual(11);
    },
    90_000,
  );
});
