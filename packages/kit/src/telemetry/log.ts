// Structured logs (pino), with the platform's one redaction list. Log ids, codes and counts; never bodies or personal data.
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { errorCause, errorMessage, errorName, errorStack } from '../error-code.ts';
import { credentialNames, personalNames, scrub } from './redaction.ts';

export type Logger = PinoLogger;

// These names also mean harmless things: pino's own and an error's fields at the top, an error's `code` one level below. For them
// only the places where input stands are covered.
const topLevelAllowed = new Set<string>(['name', 'message', 'code', 'key']);
const inputs = ['body', 'query', 'params', 'headers', 'input', 'command', 'data', 'req.headers', 'res.headers'];
const paths = [...credentialNames, ...personalNames].flatMap((name) => {
  const below = name.includes('-') ? `["${name}"]` : `.${name}`;
  const under = inputs.map((place) => `${place}${below}`);
  if (name === 'code') return under;
  if (topLevelAllowed.has(name)) return [...under, `*${below}`];
  return [...under, `*${below}`, name.includes('-') ? below : name];
});

// A chain of causes may be a circle.
const maxCauses = 4;

/** An error as logged: PostgreSQL's `detail`, `where` and parameters quote row values, so they are left out, and texts are scrubbed. */
export const serializeError = (error: unknown, depth = 0): Record<string, unknown> => {
  if (typeof error !== 'object' || error === null) return { type: typeof error, summary: scrub(String(error)) };
  const { code, constraint, table, status } = error as Record<'code' | 'constraint' | 'table' | 'status', unknown>;
  // Class 22 (data exception) messages quote the offending value: https://www.postgresql.org/docs/18/errcodes-appendix.html
  const quotesData = typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code);
  const summary = quotesData ? 'a value the database refused' : scrub(errorMessage(error));
  const frames = errorStack(error)
    .split('\n')
    .filter((line) => line.startsWith('    at '));
  const cause = depth < maxCauses ? errorCause(error) : undefined;
  return {
    type: errorName(error),
    code,
    constraint,
    table,
    status,
    summary,
    stack: frames.join('\n'),
    cause: cause === undefined ? undefined : serializeError(cause, depth + 1),
  };
};

/** A service's logger. `destination` defaults to standard output. */
export const createLog = (options: {
  service: string;
  region: string;
  level: string;
  destination?: DestinationStream;
}): Logger => {
  const settings = {
    level: options.level,
    base: { service: options.service, region: options.region },
    redact: { paths, censor: '[redacted]' },
    serializers: { err: (error: unknown) => serializeError(error), error: (error: unknown) => serializeError(error) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
};
