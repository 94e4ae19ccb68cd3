// gateway: the OpenAI-compatible door behind a Base URL. Refusals are rendered in OpenAI's error form, with the same codes.
import { z } from 'zod';
import { insufficientBalance, modelUnknown } from './billing.ts';
import { endpoint } from './endpoint.ts';
import { refusalProblems } from './key-issuance.ts';
import { problem } from './problem.ts';

export const contentFilter = problem('content_filter', 400, 'The request was refused by the content rules');
export const upstreamFailed = problem('upstream_failed', 502, 'The model did not answer; nothing was charged');

const keyProblems = Object.values(refusalProblems);

export { openAiError } from './openai-error.ts';

// Against floods from one address. A backend's whole traffic may come from one, so it is far above what a single caller needs.
const floodGuard = { max: 10_000, windowSeconds: 10 } as const;

const maxBodyBytes = 4_194_304;
// A text may fill the body; more would not arrive.
const text = z.string().max(maxBodyBytes);
const contentPart = z.looseObject({ type: z.string().max(40), text: text.nullish() });
const message = z.looseObject({
  role: z.string().max(40),
  content: z.union([text, z.array(contentPart).max(200), z.null()]).optional(),
});

export const createChatCompletion = endpoint({
  id: 'createChatCompletion',
  service: 'gateway',
  method: 'POST',
  path: '/v1/chat/completions',
  summary: 'Chat completion, plain or streaming, as OpenAI documents it',
  description:
    'Key by `Authorization: Bearer` or `api-key`. Members that this door does not act upon are passed to the model untouched; their text is moderated, too.',
  auth: { kind: 'signature', scheme: 'API key' },
  maxBodyBytes,
  body: z.looseObject({
    model: z.string().min(1).max(100),
    messages: z.array(message).min(1).max(2_000),
    stream: z.boolean().optional(),
    stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
    max_tokens: z.number().int().min(1).max(1_000_000).nullish(),
    max_completion_tokens: z.number().int().min(1).max(1_000_000).nullish(),
    n: z.number().int().min(1).max(1).nullish(),
  }),
  answers: { 200: 'stream' },
  problems: [...keyProblems, insufficientBalance, modelUnknown, contentFilter, upstreamFailed],
  limit: floodGuard,
});

export const listModels = endpoint({
  id: 'listModels',
  service: 'gateway',
  method: 'GET',
  path: '/v1/models',
  summary: "Models of this region, in OpenAI's form",
  auth: { kind: 'signature', scheme: 'API key' },
  answers: {
    200: z.strictObject({
      object: z.literal('list'),
      data: z.array(
        z.strictObject({ id: z.string(), object: z.literal('model'), created: z.number().int(), owned_by: z.string() }),
      ),
    }),
  },
  problems: [...keyProblems],
  limit: floodGuard,
});

export const endpoints = [createChatCompletion, listModels] as const;
