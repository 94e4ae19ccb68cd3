// The main job in every region that comes with Meridian, and in a third one that exists as a profile alone, by the command that a person runs.
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { defineProfile } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
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

/** npm run journey, as a person runs it against the copy on these ports. */
const journey = async (args: readonly string[]) => {
  const child = spawn(process.execPath, ['scripts/run.mjs', 'journey', ...args], {
    cwd: new URL('../', import.meta.url),
    env: { ...process.env, MERIDIAN_PORT_BASE: String(copy.portBase) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const steps = [...text.matchAll(/^(ok {2}|FAIL) +(\d+) {2}(.+) {2}\(\d+ ms\)\n +(\S.*)$/gm)];
  return {
    status,
    text,
    steps: steps.map(([, result, step, name]) => ({ ok: result === 'ok  ', step: Number(step), name })),
  };
};

describe('npm run journey', () => {
  test.each([...Object.keys(profiles), eu.id])(
    'walks the main job in region %s, step by step',
    async (id) => {
      // A region that does not come with Meridian is found by its addresses.
      const { status, text, steps } = await journey(
        id in profiles ? ['--region', id] : ['--base', copy.region(id).api, '--sandbox', copy.sandbox],
      );
      expect(steps.filter(({ ok }) => !ok)).toEqual([]);
      expect(steps.length).toBeGreaterThanOrEqual(11);
      expect(steps.map(({ step }) => step)).toEqual(steps.map((_, index) => index + 1));
      expect(text).toMatch(new RegExp(`^journey passed: ${steps.length} steps at ${copy.region(id).api} in `, 'm'));
      expect(status).toBe(0);
    },
    90_000,
  );

  test('stops at the first step that fails, says why, and exits with 1', async () => {
    const control = (method: string, body?: unknown) =>
      fetch(`${copy.sandbox}/control/model`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
    expect((await control('PUT', { fail: { status: 500 } })).status).toBe(200);
    try {
      const { status, text, steps } = await journey(['--region', 'global']);
      expect(steps.at(-1)).toMatchObject({ ok: false, name: expect.stringContaining('call the model') });
      expect(steps.slice(0, -1).every(({ ok }) => ok)).toBe(true);
      expect(text).toMatch(/^journey failed: .*502/m);
      expect(status).toBe(1);
    } finally {
      await control('DELETE');
    }
  }, 60_000);

  test('refuses a region that there is not', async () => {
    const unknown = await journey(['--region', 'atlantis']);
    expect([unknown.status, unknown.text]).toEqual([1, 'journey failed: --region must be one of cn, global\n']);
  });
});
