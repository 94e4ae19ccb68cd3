// A whole copy for journeys: embedded, on ports of its own, with data that is thrown away.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Profile } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
import { startEmbedded } from '@meridian/testkit/embedded/embedded.ts';
import { freePortBase } from './free-ports.ts';

/** Starts a copy of `regions` (default: those that come with Meridian). */
export const startTestCopy = async (regions: readonly Profile[] = Object.values(profiles)) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'meridian-copy-'));
  const portBase = await freePortBase(regions.length);
  const copy = await startEmbedded({
    dataDir,
    portBase,
    profiles: regions,
    durable: false,
    logLevel: 'error',
  });
  return {
    portBase,
    sandbox: copy.sandbox,
    region: (id: string) => {
      const found = copy.regions.find((region) => region.id === id);
      if (!found) throw new Error(`the copy has no region ${id}`);
      return found;
    },
    stop: async () => {
      await copy.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};
export type TestCopy = Awaited<ReturnType<typeof startTestCopy>>;
