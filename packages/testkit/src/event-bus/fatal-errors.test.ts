import { expect, test } from '@jest/globals';
import type { EventBus } from '@meridian/kit/events/event-bus.ts';
import { failingOnClose } from './fatal-errors.ts';

test('a consumer that could not go on fails the closing of its bus, after it was closed', async () => {
  let closed = false;
  let die = (_: Error) => {};
  const bus = failingOnClose((onFatal) => {
    die = onFatal;
    const close = async () => {
      closed = true;
    };
    return { close } as Partial<EventBus> as EventBus;
  });
  die(new Error('quiet'));
  await expect(bus.close(10)).rejects.toThrow('a consumer could not go on: quiet');
  expect(closed).toBe(true);
});
