import { z } from 'zod';
import type { ModelConfig } from '../config.ts';
import { parseJson } from '../http/raw-body.ts';
import { ModelRefusal } from './refusal.ts';
import { countPrompt } from './tokens.ts';

const content = z
  .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).max(100)])
  .nullish();
const tokenLimit = z.number().int().min(1).max(10_000_000).nullish();

/** The members this upstream acts on; others are taken and ignored, as servers of this kind do. */
const chatRequest = z.looseObject({
  model: z.string().min(1),
  messages: z
    .array(z.looseObject({ role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']), content }))
    .min(1)
    .max(2000),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: tokenLimit,
  max_completion_tokens: tokenLimit,
  n: z.literal(1).nullish(),
});
export type ChatRequest = z.infer<typeof chatRequest>;

/** Parses and bounds a request: `maxTokens` is the smallest of what was asked, the model's limit, and what the context leaves. */
export const readChatRequest = (body: Buffer, models: ModelConfig[]) => {
  const value = parseJson(body);
  if (value === undefined)
    throw new ModelRefusal(400, 'invalid_request_error', null, 'We could not parse the JSON body of your request.');
  const parsed = chatRequest.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ModelRefusal(
      400,
      'invalid_request_error',
      null,
      issue?.message ?? 'Invalid request',
      issue?.path.join('.') ?? null,
    );
  }
  const request = parsed.data;
  if (request.stream_options && !request.stream)
    throw new ModelRefusal(
      400,
      'invalid_request_error',
      null,
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      'stream_options',
    );
  const model = models.find((m) => m.id === request.model);
  if (!model)
    throw new ModelRefusal(
      404,
      'invalid_request_error',
      'model_not_found',
      `The model '${request.model}' does not exist or you do not have access to it.`,
      'model',
    );
  const promptTokens = countPrompt(request.messages);
  if (promptTokens >= model.contextTokens)
    throw new ModelRefusal(
      400,
      'invalid_request_error',
      'context_length_exceeded',
      `This model's maximum context length is ${model.contextTokens} tokens. Your messages resulted in ${promptTokens} tokens.`,
      'messages',
    );
  const asked = request.max_completion_tokens ?? request.max_tokens ?? model.maxOutputTokens;
  return {
    request,
    model,
    promptTokens,
    maxTokens: Math.min(asked, model.maxOutputTokens, model.contextTokens - promptTokens),
  };
};
