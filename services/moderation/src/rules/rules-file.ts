// The rules file of a deployment (RULES_FILE), checked as a whole before anything of it is used.
import { readFileSync } from 'node:fs';
import { ConfigError } from '@meridian/kit/config/config.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import { z } from 'zod';
import { foldNow } from '../matching/fold.ts';
import { type Policy, type RuleText, severities } from './rule.ts';

const alphabet = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}]/u;

const rule = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,59}$/),
    pattern: z
      .string()
      .min(1)
      .max(200)
      .refine((text) => foldNow(text).length > 0, { message: 'is empty after folding' }),
    category: z.string().regex(/^[a-z][a-z-]{0,39}$/),
    severity: z.enum(severities),
    weight: z.number().int().min(0).max(1_000),
    /** A new rule starts in shadow: what it would do is seen before it does it. */
    mode: z.enum(['shadow', 'live']).default('shadow'),
    boundary: z.enum(['word', 'any']).optional(),
  })
  .transform(
    (given): RuleText => ({
      ...given,
      // Entries of an alphabet match whole words; text written without blanks has none.
      boundary: given.boundary ?? (alphabet.test(given.pattern) ? 'word' : 'any'),
    }),
  );

const policy = z.strictObject({
  windows: z
    .array(
      z.strictObject({
        seconds: z.number().int().min(60).max(7_776_000),
        threshold: z.number().int().min(1).max(1_000_000),
      }),
    )
    .min(1)
    .max(5),
  protectionHours: z.number().int().min(1).max(8_760),
  reviewHours: z.number().int().min(1).max(720).default(24),
  overrideDays: z.number().int().min(1).max(365).default(30),
});

const rulesFile = z
  .strictObject({ policy, rules: z.array(rule).max(5_000) })
  .refine(({ rules }) => new Set(rules.map(({ id }) => id)).size === rules.length, {
    path: ['rules'],
    message: 'has an id twice',
  });

export type RulesFile = { readonly policy: Policy; readonly rules: readonly RuleText[] };

/** Parses a rules file. Throws ConfigError that names places, never words: the list is not for logs. */
export const parseRules = (text: string): RulesFile => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new ConfigError(['RULES_FILE: is not valid JSON']);
  }
  const parsed = rulesFile.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues
      .slice(0, 20)
      .map(({ path, code }) => `RULES_FILE: ${path.join('.') || 'the file'} is invalid (${code})`),
  );
};

/** The list that comes with Meridian: invented neutral words, enough to see the platform work. */
const shipped = new URL('../../rules/default.json', import.meta.url);

export const readRulesFile = (path: string | undefined): RulesFile => {
  try {
    return parseRules(readFileSync(path ?? shipped, 'utf8'));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(['RULES_FILE: cannot be read']);
  }
};

/** Says that a production service moderates by the shipped examples, which nobody ever writes: a region would seem to be moderated. */
export const warnOfExamples = (
  log: Pick<Logger, 'warn'>,
  config: { MERIDIAN_MODE: 'embedded' | 'production'; RULES_FILE?: string | undefined },
): void => {
  if (config.MERIDIAN_MODE === 'production' && config.RULES_FILE === undefined)
    log.warn('RULES_FILE is not given: texts are matched against the shipped examples, which are invented words');
};
