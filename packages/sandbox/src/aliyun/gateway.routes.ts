// Alibaba Cloud's RPC front: every product answers at path "/", the action is named in the header x-acs-action.
// Parameters come in the query or in a form body, both covered by the signature.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { applyFaults, noteRequest, type Part } from '../control/part.ts';
import { headerOf, rawBodyOf, takeRawBodies } from '../http/raw-body.ts';
import { AliyunRefusal, createAcs3Verifier } from './acs3-verifier.ts';

export type AliyunAction = {
  name: string;
  version: string;
  part: Part;
  /** Access keys that may call it, with their secret and region. */
  accessKeys: { accessKeyId: string; accessKeySecret: string; region: string }[];
  answer: (
    parameters: Map<string, string>,
    caller: { region: string; requestId: string },
    request: FastifyRequest,
  ) => object;
};

const refusal = (reply: FastifyReply, status: number, code: string, message: string, host: string) => {
  const requestId = randomUUID().toUpperCase();
  return reply
    .code(status)
    .header('x-acs-request-id', requestId)
    .send({
      RequestId: requestId,
      HostId: host,
      Code: code,
      Message: message,
      Recommend: `https://api.aliyun.com/troubleshoot?q=${encodeURIComponent(code)}`,
    });
};

const parametersOf = (request: FastifyRequest) => {
  const parameters = new Map(new URL(request.url, 'http://sandbox').searchParams);
  if (headerOf(request, 'content-type').startsWith('application/x-www-form-urlencoded'))
    for (const [key, value] of new URLSearchParams(rawBodyOf(request).toString())) parameters.set(key, value);
  return parameters;
};

export const aliyunGateway = (app: FastifyInstance, { actions, now }: { actions: AliyunAction[]; now: () => Date }) =>
  app.register(async (scope) => {
    takeRawBodies(scope);
    const actionOf = (request: FastifyRequest) =>
      actions.find((action) => action.name === headerOf(request, 'x-acs-action'));
    const verify = new Map(
      actions.map((action) => [
        action.name,
        createAcs3Verifier({
          secretOf: (id) => action.accessKeys.find((key) => key.accessKeyId === id)?.accessKeySecret,
          now,
        }),
      ]),
    );
    applyFaults(scope, {
      partOf: (request) => actionOf(request)?.part,
      renderFailure: (reply, status, request) =>
        refusal(
          reply,
          status,
          status === 429 ? 'Throttling.User' : 'ServiceUnavailable',
          'The request has failed due to a temporary failure of the server.',
          request.host,
        ),
      now,
    });
    scope.setErrorHandler((error, request, reply) => {
      if (error instanceof AliyunRefusal) return refusal(reply, error.status, error.code, error.message, request.host);
      throw error;
    });
    const answer = async (request: FastifyRequest, reply: FastifyReply) => {
      const action = actionOf(request);
      if (!action)
        throw new AliyunRefusal(
          404,
          'InvalidAction.NotFound',
          'Specified api is not found, please check your url and method.',
        );
      if (headerOf(request, 'x-acs-version') !== action.version)
        throw new AliyunRefusal(400, 'InvalidVersion', 'Specified parameter Version is not valid.');
      const accessKeyId = verify.get(action.name)?.(request) ?? '';
      noteRequest(request, { caller: accessKeyId });
      const requestId = randomUUID().toUpperCase();
      const region = action.accessKeys.find((key) => key.accessKeyId === accessKeyId)?.region ?? '';
      return reply
        .header('x-acs-request-id', requestId)
        .send(action.answer(parametersOf(request), { region, requestId }, request));
    };
    scope.post('/', answer);
  });
