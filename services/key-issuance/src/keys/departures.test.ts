import { expect, test } from '@jest/globals';
import { createDepartures } from './departures.ts';

test('who comes before a departure leaves with it, and who comes after with the next', async () => {
  const departure = createDepartures(2);
  const first = departure();
  const second = departure();
  expect(second).toBe(first);
  await first;
  const third = departure();
  expect(third).not.toBe(first);
  await third;
});
