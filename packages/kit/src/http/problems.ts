// Refusals: thrown by anyone with fail(), rendered in one place as RFC 9457 problem+json.
import type { ProblemBody, ProblemDefinition } from '@meridian/contracts/problem.ts';
import { problemType } from '@meridian/contracts/problem.ts';

/** Members a refusal may carry. `retryAfter` is in seconds and becomes the Retry-After header as well. */
export type ProblemMembers = {
  readonly detail?: string;
  readonly retryAfter?: number;
  readonly errors?: readonly { pointer: string; detail: string }[];
  /** Answer headers, for instance Allow; never part of the body. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
};

/** A declared refusal on its way to the edge. Branch on `code`. */
export class Refusal extends Error {
  readonly code: string;
  readonly definition: ProblemDefinition;
  readonly members: ProblemMembers;
  constructor(definition: ProblemDefinition, members: ProblemMembers = {}) {
    super(members.detail ?? definition.title);
    this.name = 'Refusal';
    this.code = definition.code;
    this.definition = definition;
    this.members = members;
  }
}

/** Refuses the running request (or event) with a declared problem. */
export const fail = (definition: ProblemDefinition, members: ProblemMembers = {}): never => {
  throw new Refusal(definition, members);
};

/** Tells a refusal by its shape, so that two copies of the class (two realms under jest) do not matter. */
export const isRefusal = (error: unknown): error is Refusal =>
  error instanceof Error && 'definition' in error && 'members' in error && 'code' in error;

export type RenderedProblem = {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
};

/** Turns a problem into bytes. Services with a foreign error format (the gateway) pass a renderer of their own. */
export type ProblemRenderer = (
  definition: ProblemDefinition,
  members: ProblemMembers,
  requestId: string,
) => RenderedProblem;

// RFC 9457 members of ours win over members of the thrower, so a refusal cannot lie about its status.
const reserved = new Set(['type', 'title', 'status', 'code', 'requestId', 'headers']);

export const renderProblem: ProblemRenderer = (definition, members, requestId) => {
  const extra = Object.fromEntries(
    Object.entries(members).filter(([name, value]) => !reserved.has(name) && value !== undefined),
  );
  const body: ProblemBody = {
    type: problemType(definition.code),
    title: definition.title,
    status: definition.status,
    code: definition.code,
    requestId,
    ...extra,
  };
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...members.headers,
  };
  if (members.retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(members.retryAfter)));
  // RFC 9110 15.5.2: a 401 must name a challenge.
  if (definition.status === 401) headers['www-authenticate'] ??= 'Bearer';
  return {
    status: definition.status,
    headers,
    body: JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
  };
};
