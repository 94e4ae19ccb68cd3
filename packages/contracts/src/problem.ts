// One RFC 9457 error declared as data. Clients branch on `code`; `type` is its stable URI.
import { z } from 'zod';

export type ProblemDefinition = {
  readonly code: string;
  readonly status: number;
  readonly title: string;
};

/** Declares a problem. `code` is stable for ever: a client may branch on it. */
export const problem = <const C extends string>(code: C, status: number, title: string) =>
  ({ code, status, title }) as const satisfies ProblemDefinition;

/** The stable `type` URI of a problem; a URN, because it must not depend on any region's host name. */
export const problemType = (code: string) => `urn:meridian:problem:${code}`;

/** One invalid member of the input: where (RFC 6901 JSON pointer, prefixed by the part) and why. */
export const invalidPart = z.object({
  pointer: z.string().describe('JSON pointer into the part, e.g. "/body/phone"'),
  detail: z.string(),
});

/** The body of every refusal (media type application/problem+json). Problems may add members of their own. */
export const problemBody = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string().optional().describe('What happened and what to do next, for a person'),
  requestId: z.string(),
  errors: z.array(invalidPart).optional(),
  helpCentre: z
    .url()
    .optional()
    .describe('With every refusal of a sign-in, a registration or a recovery: where a person finds help'),
});
export type ProblemBody = z.infer<typeof problemBody>;
