// Ports for copies that tests start side by side.
import { allPorts } from '@meridian/testkit/embedded/ports.ts';
import { isFree } from '@meridian/testkit/free-port.ts';

/** The first port of a block that nobody uses now, below the range that systems hand out by themselves. */
export const freePortBase = async (regions: number) => {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = 15_000 + Math.floor(Math.random() * 160) * 100;
    const free = await Promise.all(allPorts(base, regions).map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free block of ports was found');
};
