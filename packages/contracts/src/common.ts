// Problems that any endpoint may answer with, and schemas that several services share.
import { z } from 'zod';
import type { EndpointDefinition } from './endpoint.ts';
import { problem } from './problem.ts';

// Problems of the HTTP layer (kit).
export const invalidInput = problem('invalid_input', 400, 'The request does not have the declared form');
export const malformedBody = problem('malformed_body', 400, 'The body is not valid JSON in UTF-8');
export const unauthenticated = problem('unauthenticated', 401, 'A valid credential is required');
export const forbidden = problem('forbidden', 403, 'This caller may not do that');
export const notFound = problem('not_found', 404, 'There is no such thing here');
export const methodNotAllowed = problem('method_not_allowed', 405, 'This address does not take that method');
export const requestTimeout = problem('request_timeout', 408, 'The request did not arrive in time');
export const bodyTooLarge = problem('body_too_large', 413, 'The body is larger than this endpoint accepts');
export const uriTooLong = problem('uri_too_long', 414, 'The address is too long');
export const unsupportedMediaType = problem('unsupported_media_type', 415, 'The body must be application/json');
export const rateLimited = problem('rate_limited', 429, 'Too many requests; wait for Retry-After seconds');
export const headersTooLarge = problem('headers_too_large', 431, 'The headers are too large');
export const internalError = problem('internal_error', 500, 'Something went wrong on our side; nothing was half done');
export const unavailable = problem('unavailable', 503, 'Not available at the moment; retry after Retry-After seconds');

// Problems of regions and accounts.
export const regionMismatch = problem('region_mismatch', 421, 'This belongs to another region');
export const accountCancelled = problem('account_cancelled', 403, 'The account is cancelled');
export const accountRestricted = problem(
  'account_restricted',
  403,
  'The account was recovered, or how to sign in to it changed, a short while ago; this is possible from `until` on',
);

/** The region names the version that counts; another one, or none, is no agreement. */
export const consentRequired = problem(
  'consent_required',
  422,
  'The text that this needs agreement to must be accepted in its current version',
);

// Problems of idempotency keys.
export const idempotencyKeyRequired = problem(
  'idempotency_key_required',
  400,
  'This write needs an Idempotency-Key header',
);
export const idempotencyKeyReused = problem(
  'idempotency_key_reused',
  422,
  'This Idempotency-Key was used with another request',
);
export const idempotencyTwinInFlight = problem(
  'idempotency_twin_in_flight',
  409,
  'A request with this Idempotency-Key is still running',
);

/** Every problem that `e` may answer with: its own and those that its kind of endpoint always can. */
export const problemsOf = (e: EndpointDefinition) => {
  const all = [
    ...e.problems,
    invalidInput,
    methodNotAllowed,
    requestTimeout,
    uriTooLong,
    headersTooLarge,
    rateLimited,
    internalError,
    unavailable,
  ];
  if (e.method !== 'GET') all.push(bodyTooLarge, malformedBody, unsupportedMediaType);
  if (e.auth.kind === 'user') all.push(unauthenticated, regionMismatch, accountCancelled);
  if (e.auth.kind === 'user' && e.auth.introspect) all.push(accountRestricted);
  if (e.auth.kind === 'staff' || e.auth.kind === 'service' || e.auth.kind === 'certificate')
    all.push(unauthenticated, forbidden, regionMismatch);
  if (e.idempotent) all.push(idempotencyKeyRequired, idempotencyKeyReused, idempotencyTwinInFlight);
  return [...new Map(all.map((p) => [p.code, p])).values()];
};

/** Region ids are short lower-case words; they are part of ids, keys, tokens and event sources. */
export const regionId = z.string().regex(/^[a-z]{2,12}$/);

/** Ids are `prefix_region_ulid`: typed, carrying their region, ordered by time (26 characters of Crockford base 32). */
export const idOf = (prefix: string) =>
  z
    .string()
    .regex(
      new RegExp(`^${prefix}_[a-z]{2,12}_[0-9A-HJKMNP-TV-Z]{26}$`),
      `must be an id of the form ${prefix}_<region>_<26 characters>`,
    );

export const accountId = idOf('acc').describe('Account id; carries its region');

/** Money is an integer count of nano-units (1e-9) of the region's currency, as a decimal string. */
export const nanoAmount = z
  .string()
  .regex(/^-?(0|[1-9][0-9]{0,17})$/, 'must be a whole number of nano-units as a string');
export const positiveNanoAmount = z
  .string()
  .regex(/^[1-9][0-9]{0,17}$/, 'must be a positive whole number of nano-units as a string');
export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .describe('ISO 4217 code of the region');
export const timestamp = z.iso.datetime().describe('RFC 3339, UTC');

/** A word of ours, such as the name of a method or of a kind of record: never what somebody typed. */
export const codeWord = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,59}$/, 'must be a word of lower-case letters, digits and _');

/** One page of a list, newest first; pass `next` as `cursor` to go on. */
export const pageQuery = z.strictObject({
  cursor: z.string().min(1).max(200).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next: z.string().nullable() });

/** A letter a person typed: as `personText`, in several lines. */
export const personLetter = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^(?:[^\p{Cc}\p{Cs}]|[\n\r\t])*$/u, 'must not contain control characters other than line breaks and tabs');

/** A short text a person typed: bounded, trimmed, no control characters. */
export const personText = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');
