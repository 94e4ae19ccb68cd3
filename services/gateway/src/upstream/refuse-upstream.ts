// What an upstream's refusal means to the caller of this door.
import { modelUnknown } from '@meridian/contracts/billing.ts';
import { invalidInput, unavailable } from '@meridian/contracts/common.ts';
import { upstreamFailed } from '@meridian/contracts/gateway.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { readJson, type UpstreamAnswer } from './upstream.ts';

const maxErrorBytes = 64 * 1024;

const errorOf = (value: unknown): { message?: string; param?: string } => {
  const error = (value as { error?: { message?: unknown; param?: unknown } } | undefined)?.error;
  return {
    ...(typeof error?.message === 'string' && { message: error.message.slice(0, 500) }),
    ...(typeof error?.param === 'string' && { param: error.param.slice(0, 100) }),
  };
};

/** Refuses for an answer that is no success. What is wrong with the request is told in the upstream's words; our own quarrels with it are not. */
export const refuseUpstream = async ({ status, retryAfter, body }: UpstreamAnswer): Promise<never> => {
  const { message, param } = errorOf(await readJson(body, maxErrorBytes).catch(() => undefined));
  if (status === 404) return fail(modelUnknown, { detail: message, param });
  if (status === 400 || status === 413 || status === 415 || status === 422)
    return fail(invalidInput, { detail: message ?? 'The model refused the request', param });
  if (status === 429 || status === 503)
    return fail(unavailable, { detail: 'The model is busy; try again', retryAfter: retryAfter ?? 2 });
  return fail(upstreamFailed, { retryAfter: 2 });
};
