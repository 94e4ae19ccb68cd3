// One stand-in as the control interface sees it: its faults and its request log; and the hooks that apply both to its routes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { commonFaults, createFaults, type Faults } from './faults.ts';
import { createRequestLog, type LoggedRequest, type RequestLog } from './request-log.ts';

const requestsKept = 200;
export const commonSchema = z.strictObject(commonFaults);
export type CommonFaults = z.infer<typeof commonSchema>;

export type Part<V extends CommonFaults = CommonFaults> = {
  name: string;
  about: string;
  faults: Faults<V>;
  requests: RequestLog;
};

export const createPart = <V extends CommonFaults>(name: string, about: string, schema: z.ZodType<V>): Part<V> => ({
  name,
  about,
  faults: createFaults(schema),
  requests: createRequestLog(requestsKept),
});

/** Notes for the request log that a handler adds about its request. */
export type RequestNote = Partial<Pick<LoggedRequest, 'caller' | 'subject' | 'outcome'>>;

declare module 'fastify' {
  interface FastifyRequest {
    sandboxNote: RequestNote | null;
  }
}

export const noteRequest = (request: FastifyRequest, note: RequestNote) => {
  request.sandboxNote = { ...request.sandboxNote, ...note };
};

/** Writes one request into the log; hooks do it, except for answers that a handler streams by itself. */
export const logRequest = (part: Part, request: FastifyRequest, status: number, now: () => Date) =>
  part.requests.add({
    at: now().toISOString(),
    method: request.method,
    route: request.routeOptions.url ?? 'unknown',
    status,
    outcome: 'answered',
    ...request.sandboxNote,
  });

type Hooks = {
  partOf: (request: FastifyRequest) => Part | undefined;
  /** Answers a requested failure in the part's own error form. */
  renderFailure: (reply: FastifyReply, status: number, request: FastifyRequest) => FastifyReply | Promise<FastifyReply>;
  now: () => Date;
};

/** Applies slowMs, fail and loseAnswer to every route of `scope`, and logs each request. */
export const applyFaults = (scope: FastifyInstance, { partOf, renderFailure, now }: Hooks) => {
  scope.addHook('preHandler', async (request, reply) => {
    const faults = partOf(request)?.faults;
    if (!faults) return;
    const slowMs = faults.current().slowMs;
    // Whoever still waits holds a connection; the pause itself must not keep a stopped sandbox from ending.
    if (slowMs) await sleep(slowMs, undefined, { ref: false });
    const fail = faults.take('fail');
    if (!fail) return;
    noteRequest(request, { outcome: 'failed_on_request' });
    await renderFailure(reply, fail.status, request);
    return reply;
  });
  scope.addHook('onSend', async (request, reply, payload) => {
    const part = partOf(request);
    if (!part) return payload;
    const lost = part.faults.take('loseAnswer');
    if (lost) noteRequest(request, { outcome: 'answer_lost' });
    logRequest(part, request, reply.statusCode, now);
    if (lost) request.raw.socket.destroy();
    return payload;
  });
};
