// Configuration from environment variables: one zod schema per service, all mistakes told at once, no value ever printed.
import type { z } from 'zod';

/** Thrown when the environment does not fit. `message` names every wrong variable and never holds a value. */
export class ConfigError extends Error {
  readonly code = 'invalid_configuration';
  readonly mistakes: readonly string[];
  constructor(mistakes: readonly string[]) {
    super(`The configuration has ${mistakes.length} mistake(s):\n${mistakes.map((m) => `  - ${m}`).join('\n')}`);
    this.name = 'ConfigError';
    this.mistakes = mistakes;
  }
}

// Only words of ours: zod's own messages may quote the received value (for instance of an enum, or a custom refinement).
const reasonOf = (issue: z.core.$ZodIssue, missing: boolean): string => {
  if (missing) return 'is missing';
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map((v) => JSON.stringify(v)).join(', ')}`;
  if (issue.code === 'too_small') return `is too small or too short (at least ${issue.minimum})`;
  if (issue.code === 'too_big') return `is too large or too long (at most ${issue.maximum})`;
  if (issue.code === 'invalid_format') return `does not have the form of ${issue.format}`;
  if (issue.code === 'invalid_type') return `must be of type ${issue.expected}`;
  if (issue.code === 'unrecognized_keys') return `has unknown member(s) ${issue.keys.join(', ')}`;
  if (issue.code === 'custom') return issue.message;
  return 'is invalid';
};

const describe = (issue: z.core.$ZodIssue, env: NodeJS.ProcessEnv): string => {
  const [variable, ...inside] = issue.path.map(String);
  if (variable === undefined) return issue.code === 'custom' ? issue.message : 'the configuration is invalid';
  const where = inside.length > 0 ? `${variable} (at ${inside.join('.')})` : variable;
  return `${where} ${reasonOf(issue, (env[variable] ?? '') === '' && inside.length === 0)}`;
};

/**
 * Parses `env` with a zod object whose keys are variable names. An empty variable counts as absent (compose files write `NAME=`).
 * Throws ConfigError naming every wrong variable. Refinements of helper schemas must not put the value into their message.
 */
export const parseConfig = <T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): z.output<T> => {
  const given = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, env[name] === '' ? undefined : env[name]]),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new ConfigError([...new Set(result.error.issues.map((issue) => describe(issue, env)))]);
};
