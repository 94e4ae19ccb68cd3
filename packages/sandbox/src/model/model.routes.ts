// An OpenAI-compatible upstream: GET /v1/models, POST /v1/chat/completions.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SandboxConfig } from '../config.ts';
import { applyFaults, logRequest, noteRequest } from '../control/part.ts';
import { randomText } from '../crypto/random.ts';
import { sameText } from '../crypto/same-text.ts';
import { headerOf, rawBodyOf, takeRawBodies } from '../http/raw-body.ts';
import { readChatRequest } from './chat-request.ts';
import { completionFor } from './content.ts';
import type { ModelPart } from './faults.ts';
import { createPromptCache } from './prompt-cache.ts';
import { failure, ModelRefusal, sendRefusal } from './refusal.ts';
import { streamCompletion, type Usage } from './stream.ts';
import { textOf } from './tokens.ts';

export const modelRoutes = (app: FastifyInstance, { config, part }: { config: SandboxConfig; part: ModelPart }) =>
  app.register(async (scope) => {
    const { now, models } = config;
    const keys = Object.entries(config.secrets.regions).map(([region, { model }]) => ({
      region,
      apiKey: model.apiKey,
    }));
    const cachedTokensOf = createPromptCache();
    takeRawBodies(scope);
    applyFaults(scope, {
      partOf: () => part,
      renderFailure: (reply, status) => sendRefusal(reply, failure(status)),
      now,
    });
    scope.setErrorHandler((error, _request, reply) => {
      if (error instanceof ModelRefusal) return sendRefusal(reply, error);
      throw error;
    });
    const authorize = (request: FastifyRequest) => {
      const given = /^Bearer (\S+)$/.exec(headerOf(request, 'authorization'))?.[1] ?? '';
      const key = keys.find(({ apiKey }) => sameText(apiKey, given));
      if (!key) throw new ModelRefusal(401, 'invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.');
      noteRequest(request, { caller: key.region });
      return key.region;
    };

    scope.get('/v1/models', async (request) => {
      authorize(request);
      return {
        object: 'list',
        data: models.map((model) => ({
          id: model.id,
          object: 'model',
          created: 1_735_689_600,
          owned_by: model.ownedBy,
        })),
      };
    });
    scope.post('/v1/chat/completions', async (request, reply) => {
      const owner = authorize(request);
      const rateLimit = part.faults.take('rateLimit');
      if (rateLimit) return sendRefusal(reply.header('retry-after', String(rateLimit.retryAfterSeconds)), failure(429));
      const { request: asked, model, promptTokens, maxTokens } = readChatRequest(rawBodyOf(request), models);
      noteRequest(request, { subject: model.id });
      const lastUser = asked.messages.findLast((message) => message.role === 'user') ?? asked.messages.at(-1);
      const { tokens, cut } = completionFor(lastUser ? textOf(lastUser) : '', maxTokens);
      const faults = part.faults.current();
      const cached =
        faults.cachedTokens ?? cachedTokensOf(`${owner} ${model.id}`, asked.messages.map(textOf).join('\n'));
      const usage: Usage = {
        prompt_tokens: promptTokens,
        completion_tokens: tokens.length,
        total_tokens: promptTokens + tokens.length,
        prompt_tokens_details: { cached_tokens: Math.min(cached, promptTokens) },
      };
      const head = { id: `chatcmpl-${randomText(24)}`, created: Math.floor(now().getTime() / 1000), model: model.id };
      const finish = cut ? 'length' : 'stop';
      if (!asked.stream)
        return {
          ...head,
          object: 'chat.completion',
          choices: [
            {
              index: 0,
              message: { role: 'assistant', content: tokens.join(''), refusal: null },
              logprobs: null,
              finish_reason: finish,
            },
          ],
          ...(!faults.omitUsage && { usage }),
        };
      const closed = new AbortController();
      reply.raw.once('close', () => closed.abort());
      const withUsage = asked.stream_options?.include_usage && !faults.omitUsage;
      const outcome = await streamCompletion(
        reply,
        { ...head, tokens, finish, usage: withUsage ? usage : undefined },
        faults,
        closed.signal,
      );
      noteRequest(request, { outcome });
      logRequest(part, request, 200, now);
      return reply;
    });
  });
