// Ports for copies that tests start side by side.
import { randomInt } from 'node:crypto';
import { allPorts } from '@meridian/testkit/embedded/ports.ts';
import { isFree, portRanges } from '@meridian/testkit/free-port.ts';

const blockSize = 100;

/** The first port of a block that nobody uses now. */
export const freePortBase = async (regions: number) => {
  const [from, to] = portRanges.blocks;
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = from + randomInt((to - from) / blockSize) * blockSize;
    const free = await Promise.all(allPorts(base, regions).map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free block of ports was found');
};
