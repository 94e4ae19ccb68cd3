// Errors in OpenAI's form: { error: { message, type, param, code } }.
import type { FastifyReply } from 'fastify';

export class ModelRefusal extends Error {
  readonly status: number;
  readonly body: { error: { message: string; type: string; param: string | null; code: string | null } };
  constructor(status: number, type: string, code: string | null, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.body = { error: { message, type, param, code } };
  }
}

export const failure = (status: number) =>
  status === 429
    ? new ModelRefusal(429, 'requests', 'rate_limit_exceeded', 'Rate limit reached. Please try again later.')
    : new ModelRefusal(
        status,
        'server_error',
        status === 503 ? 'overloaded' : null,
        'The server had an error while processing your request.',
      );

export const sendRefusal = (reply: FastifyReply, refusal: ModelRefusal) =>
  reply.code(refusal.status).send(refusal.body);
