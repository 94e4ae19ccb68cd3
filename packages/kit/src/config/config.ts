// Configuration from environment variables: one zod schema per service, all mistakes told at once, no value ever printed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';

/**
 * Thrown when the environment does not fit. `message` names every wrong variable and never holds a value. `notes` stand below the list and say
 * what it cannot name yet.
 */
export class ConfigError extends Error {
  readonly code = 'invalid_configuration';
  readonly mistakes: readonly string[];
  readonly notes: readonly string[];
  constructor(mistakes: readonly string[], notes: readonly string[] = []) {
    const list = mistakes.map((mistake) => `  - ${mistake}`);
    super([`The configuration has ${mistakes.length} mistake(s):`, ...list, ...notes].join('\n'));
    this.name = 'ConfigError';
    this.mistakes = mistakes;
    this.notes = notes;
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

const describe = (issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string => {
  const [variable, ...inside] = issue.path.map(String);
  if (variable === undefined) return issue.code === 'custom' ? issue.message : 'the configuration is invalid';
  const where = inside.length > 0 ? `${variable} (at ${inside.join('.')})` : variable;
  return `${where} ${reasonOf(issue, given[variable] === undefined && inside.length === 0)}`;
};

/** The content of a file without its last line break; undefined when there is no such file. */
const contentOf = (path: string, required: boolean): string | undefined => {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/**
 * The value of one variable: given directly, or as the file that NAME_FILE names (mounted secrets), or as the file NAME in the folder
 * SECRETS_DIR. An empty value counts as absent. A file that cannot be read, or a value given twice, is a mistake.
 */
const readVariable = (name: string, env: NodeJS.ProcessEnv, mistakes: string[]): string | undefined => {
  const direct = env[name] || undefined;
  const named = env[`${name}_FILE`] || undefined;
  if (direct !== undefined && named !== undefined) {
    mistakes.push(`${name} and ${name}_FILE are both given: keep one`);
    return direct;
  }
  const path = named ?? (env.SECRETS_DIR ? join(env.SECRETS_DIR, name) : undefined);
  if (direct !== undefined || path === undefined) return direct;
  try {
    return contentOf(path, named !== undefined) || undefined;
  } catch (error) {
    mistakes.push(
      `${name}: the file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`,
    );
    return undefined;
  }
};

/**
 * Parses `env` with a zod object whose keys are variable names. An empty variable counts as absent (compose files write `NAME=`).
 * Secrets may come as files: NAME_FILE names one, SECRETS_DIR a folder of files named after variables.
 * Throws ConfigError naming every wrong variable. Refinements of helper schemas must not put the value into their message.
 */
export const parseConfig = <T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): z.output<T> => {
  const mistakes: string[] = [];
  const given = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, readVariable(name, env, mistakes)]));
  const result = schema.safeParse(given);
  if (result.success && mistakes.length === 0) return result.data;
  const unread = new Set(mistakes.map((mistake) => mistake.split(':')[0]));
  const issues = (result.error?.issues ?? []).filter((issue) => !unread.has(String(issue.path[0])));
  throw new ConfigError([...new Set([...mistakes, ...issues.map((issue) => describe(issue, given))])]);
};

/** Those variables that fit, whatever is wrong with the others: for checks that concern a few of them. */
export const parseFitting = <T extends z.ZodObject>(schema: T, env: NodeJS.ProcessEnv): Partial<z.output<T>> => {
  const fitting = Object.entries(schema.shape).flatMap(([name, variable]) => {
    const result = (variable as z.ZodType).safeParse(readVariable(name, env, []));
    return result.success && result.data !== undefined ? [[name, result.data] as const] : [];
  });
  return Object.fromEntries(fitting) as Partial<z.output<T>>;
};
