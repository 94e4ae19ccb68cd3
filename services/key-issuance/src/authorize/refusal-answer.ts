// A refusal in a form that survives a proxy: status and body for its client travel in headers.
import { explainKeyRefusal, retryAfterOf } from '@meridian/client/key-refusal.ts';
import { unavailable } from '@meridian/contracts/common.ts';
import { authorizedHeaders } from '@meridian/contracts/key-authorize.ts';
import { type KeyRefusal, keyInvalid, refusalProblems } from '@meridian/contracts/key-issuance.ts';
import { type OpenAiError, openAiErrorType } from '@meridian/contracts/openai-error.ts';
import type { ProblemDefinition } from '@meridian/contracts/problem.ts';

export type RefusalStatus = 401 | 402 | 403 | 429 | 503;
export type RefusalAnswer = {
  readonly status: RefusalStatus;
  readonly body: OpenAiError;
  readonly headers: Readonly<Record<string, string>>;
};

type Context = { readonly requestId: string; readonly anyStatus: boolean };

const statuses: readonly number[] = [401, 402, 403, 429, 503] satisfies RefusalStatus[];

// Header values are ASCII (RFC 9110 5.5); JSON has an escape for the rest.
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

const answer = (
  definition: ProblemDefinition,
  message: string,
  members: Readonly<Record<string, unknown>>,
  { requestId, anyStatus }: Context,
  retryAfter?: number,
): RefusalAnswer => {
  const { status, code } = definition;
  if (!statuses.includes(status)) throw new Error(`${code} has a status that no proxy is told of: ${status}`);
  const type = openAiErrorType(status);
  const body: OpenAiError = { error: { message, type, code, param: null, requestId, ...members } };
  return {
    // nginx turns everything but 2xx, 401 and 403 into a 500 of its own.
    status: (anyStatus || status === 401 ? status : 403) as RefusalStatus,
    body,
    headers: {
      'cache-control': 'no-store',
      [authorizedHeaders.status]: String(status),
      [authorizedHeaders.refusal]: asciiJson(body),
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      ...(retryAfter !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(retryAfter))) }),
    },
  };
};

export const refusalAnswer = (refusal: KeyRefusal, context: Context, now: Date): RefusalAnswer => {
  const { code, ...members } = refusal;
  return answer(refusalProblems[code], explainKeyRefusal(refusal), members, context, retryAfterOf(refusal, now));
};

export const missingKeyAnswer = (context: Context): RefusalAnswer =>
  answer(keyInvalid, 'Send your API key as "Authorization: Bearer KEY" or "api-key: KEY"', {}, context);

/** Nobody gets in while keys cannot be verified. */
export const unavailableAnswer = (context: Context): RefusalAnswer =>
  answer(unavailable, 'API keys cannot be verified at the moment; try again', {}, context, 1);
