// What goes to the upstream: the request as it came, with what metering needs.
import type { createChatCompletion } from '@meridian/contracts/gateway.ts';
import type { z } from 'zod';

export type ChatRequest = z.output<(typeof createChatCompletion)['body']>;

/** The caller's own limit of output tokens; undefined without one. */
export const outputLimit = ({ max_tokens, max_completion_tokens }: ChatRequest): number | undefined => {
  const limits = [max_tokens, max_completion_tokens].filter((limit) => typeof limit === 'number');
  return limits.length === 0 ? undefined : Math.min(...limits);
};

export const wantsUsage = ({ stream_options }: ChatRequest): boolean => stream_options?.include_usage === true;

/** At most one limit goes on, and only the smaller of the caller's two was held for: an upstream may look at either name. */
const limitedTo = (request: ChatRequest, limit: number | undefined): object => {
  const { max_tokens, max_completion_tokens, ...rest } = request;
  if (limit === undefined) return rest;
  return { ...rest, [typeof max_completion_tokens === 'number' ? 'max_completion_tokens' : 'max_tokens']: limit };
};

/** A stream always reports its usage to us; whether the caller sees it is another matter. */
export const streamedRequest = (request: ChatRequest): object => ({
  ...limitedTo(request, outputLimit(request)),
  stream: true,
  stream_options: { ...request.stream_options, include_usage: true },
});

/** Not streamed: output is bounded by what was held for it, under the name the caller used. */
export const plainRequest = ({ stream_options: _, ...request }: ChatRequest, maxTokens: number): object => ({
  ...limitedTo(request, maxTokens),
  stream: false,
});
