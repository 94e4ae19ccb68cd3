// The log of a scenario, kept in memory until somebody wants to know why it failed.
import type { DestinationStream } from 'pino';

const mostLines = 2_000;

export const createScenarioLog = () => {
  let lines: string[] = [];
  const destination: DestinationStream = {
    write: (line) => {
      lines.push(line);
      if (lines.length >= 2 * mostLines) lines = lines.slice(-mostLines);
    },
  };
  return {
    destination,
    /** The newest lines, oldest first; they are gone from here. */
    take: (): string => {
      const newest = lines.slice(-mostLines).join('');
      lines = [];
      return newest;
    },
  };
};
