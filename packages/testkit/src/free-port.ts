import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

type Range = readonly [from: number, to: number];

/**
 * Below the range from which systems take ports of outgoing connections (Linux: from 32768): there a port that is free now is soon another's, and a
 * killed broker could not come back to its own. Who draws beside somebody else has a range of its own, since what is drawn, or comes back, looks free
 * meanwhile: the jests of one run (MERIDIAN_TEST_LANE, scripts/test.ts), and blocks of ports for whole copies.
 */
export const portRanges: { readonly lanes: readonly [Range, Range]; readonly blocks: Range } = {
  lanes: [
    [15_000, 19_000],
    [19_000, 23_000],
  ],
  blocks: [23_000, 31_000],
};

export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** A port of 127.0.0.1 that is free now and that no outgoing connection takes later. */
export const freePort = async (): Promise<number> => {
  const [from, to] = portRanges.lanes[process.env.MERIDIAN_TEST_LANE === '1' ? 1 : 0];
  for (let tries = 0; tries < 1_000; tries += 1) {
    const port = randomInt(from, to);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${from} to ${to} is free`);
};
