// What of a run goes side by side.

/** Suites with brokers or whole stacks of containers of their own: most of their time they wait for those. */
const containers = '(kafka-[a-z]+|compose)\\.int\\.test\\.ts$';

/** Arguments of each jest to be run at once. A run of everything is two, one per core of a small machine; whoever picks suites gets them one after the other. */
export const lanesOf = (args: readonly string[]): readonly (readonly string[])[] =>
  args.length > 0
    ? [args]
    : [
        [`--testPathPatterns=${containers}`],
        ['--testPathIgnorePatterns=/node_modules/', `--testPathIgnorePatterns=${containers}`],
      ];
