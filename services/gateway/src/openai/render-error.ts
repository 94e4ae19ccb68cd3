// A refusal in OpenAI's error form, so that an unmodified client raises its own typed error with a message that helps.
import { openAiErrorType } from '@meridian/contracts/openai-error.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';
import type { ProblemMembers, ProblemRenderer } from '@meridian/kit/http/problems.ts';

const passedOn = ['region', 'baseUrl', 'caseId', 'until', 'appealUrl', 'category', 'exceeded'] as const;

/** "/body/messages/0/role" -> "messages.0.role", as OpenAI names parameters. */
const paramOf = (pointer: string) => pointer.replace(/^\/(body|query|params|headers)\//, '').replaceAll('/', '.');

/** The `error` object of an answer or of the last chunk of a stream. */
export const openAiErrorOf = (definition: ProblemDefinition, members: ProblemMembers, requestId: string) => {
  const first = members.errors?.[0];
  const named = typeof members.param === 'string' ? members.param : null;
  const param = first === undefined ? named : paramOf(first.pointer);
  const said = members.detail ?? definition.title;
  return {
    message: first === undefined ? said : `${param}: ${first.detail}`,
    type: openAiErrorType(definition.status),
    code: definition.code,
    param,
    requestId,
    ...Object.fromEntries(passedOn.flatMap((name) => (members[name] === undefined ? [] : [[name, members[name]]]))),
  };
};

export const renderOpenAiError: ProblemRenderer = (definition, members, requestId) => {
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    ...members.headers,
  };
  if (members.retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(members.retryAfter)));
  // RFC 9110 15.5.2: a 401 must name a challenge.
  if (definition.status === 401) headers['www-authenticate'] ??= 'Bearer';
  return {
    status: definition.status,
    headers,
    body: JSON.stringify({ error: openAiErrorOf(definition, members, requestId) }),
  };
};
