import { expect, test } from '@jest/globals';
import { freePort, portRanges } from './free-port.ts';

test('what is drawn side by side never meets: the ranges do not overlap, and end below that of outgoing connections', () => {
  const ranges = [...portRanges.lanes, portRanges.blocks];
  const bounds = [...ranges, [32_768] as const].flat();
  expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
  for (const [from, to] of ranges) expect(to).toBeGreaterThan(from);
});

test.each([undefined, '0', '1'])('a port is of the range of lane %s', async (lane) => {
  const before = process.env.MERIDIAN_TEST_LANE;
  if (lane === undefined) delete process.env.MERIDIAN_TEST_LANE;
  else process.env.MERIDIAN_TEST_LANE = lane;
  try {
    const [from, to] = portRanges.lanes[lane === '1' ? 1 : 0];
    for (let i = 0; i < 20; i += 1) {
      const port = await freePort();
      expect(port).toBeGreaterThanOrEqual(from);
      expect(port).toBeLessThan(to);
    }
  } finally {
    if (before === undefined) delete process.env.MERIDIAN_TEST_LANE;
    else process.env.MERIDIAN_TEST_LANE = before;
  }
});
