// A whole copy for journeys: embedded, on ports of its own, with data that is thrown away.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Profile } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
import { startEmbedded } from '@meridian/testkit/embedded/embedded.ts';
import { allPorts } from '@meridian/testkit/embedded/ports.ts';

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

/** A block of ports that nobody uses now, below the range that systems hand out by themselves. */
const freePortBase = async (regions: number) => {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = 15_000 + Math.floor(Math.random() * 160) * 100;
    const free = await Promise.all(allPorts(base, regions).map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free block of ports was found');
};

/** Starts a copy of `regions` (default: those that come with Meridian). */
export const startTestCopy = async (regions: readonly Profile[] = Object.values(profiles)) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'meridian-copy-'));
  const copy = await startEmbedded({
    dataDir,
    portBase: await freePortBase(regions.length),
    profiles: regions,
    durable: false,
    logLevel: 'error',
  });
  return {
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
