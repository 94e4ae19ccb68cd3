// A consumer of a test that cannot go on must fail that test. Thrown where it happens, in a timer or in the client's own emitter, it would be lost or
// end the whole run without a report.
import type { EventBus } from '@meridian/kit/events/event-bus.ts';

/** A bus whose `close` rejects when one of its consumers could not go on. */
export const failingOnClose = (open: (onFatal: (error: Error) => void) => EventBus): EventBus => {
  const fatal: Error[] = [];
  const bus = open((error) => void fatal.push(error));
  return {
    ...bus,
    close: async (deadlineMs) => {
      await bus.close(deadlineMs);
      if (fatal.length > 0)
        throw new AggregateError(
          fatal,
          `a consumer could not go on: ${fatal.map(({ message }) => message).join('; ')}`,
        );
    },
  };
};
