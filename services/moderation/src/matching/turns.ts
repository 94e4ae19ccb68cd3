/**
 * A turn of the event loop, one at a time: of any number of matches under way one works between two looks at the network, so that a flood of
 * large texts makes each of them slower and nothing else. Answers a function whose promise resolves when the turn has come.
 */
export const createTurns = (): (() => Promise<void>) => {
  const waiting: (() => void)[] = [];
  const next = () => {
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(next);
  };
  return () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(next);
    });
};
