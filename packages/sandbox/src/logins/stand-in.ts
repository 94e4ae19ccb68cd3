// What every stand-in of a login provider is made of.
import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { SandboxSecrets } from '../config.ts';
import { times } from '../control/faults.ts';
import { applyFaults, type Part } from '../control/part.ts';
import { type Outgoing, post } from '../notify/notifier.ts';

export type StandInDeps = {
  secrets: SandboxSecrets;
  now: () => Date;
  origin: () => string;
  pushTimeoutMs: number;
  /** Public origins of regions whose apps need not be registered by control. */
  apiOrigins?: Readonly<Record<string, string>> | undefined;
};

/** Answer with this code of the provider's own list, in the provider's own form, instead of doing the work. */
export const ownError = z.strictObject({ code: z.number().int(), times }).optional();

type RenderFailure = (reply: FastifyReply, status: number) => FastifyReply;

/** Mounts the routes with form bodies and the faults that every part has; `render` is the provider's form of a failure. */
export const mountStandIn = (
  app: FastifyInstance,
  { deps, part, render }: { deps: StandInDeps; part: Part; render: RenderFailure },
  routes: (scope: FastifyInstance) => void,
) =>
  app.register(async (scope) => {
    await scope.register(formbody);
    applyFaults(scope, { partOf: () => part, renderFailure: render, now: deps.now });
    routes(scope);
  });

/** Sends a push and tells the control caller what the receiver said. */
export const deliver = async (reply: FastifyReply, outgoing: Outgoing, timeoutMs: number) => {
  const answer = await post(outgoing, timeoutMs);
  return reply.send(
    'status' in answer
      ? { status: answer.status, body: answer.body.slice(0, 2000) }
      : { status: null, error: answer.error },
  );
};

/** The body of a control request that starts a push, or an answer that it is malformed. */
export const parsePushOrder = <T extends z.ZodType>(schema: T, body: unknown, reply: FastifyReply) => {
  const asked = schema.safeParse(body ?? {});
  if (asked.success) return asked.data;
  reply.code(400).send({ error: 'invalid_push', issues: asked.error.issues });
  return undefined;
};
