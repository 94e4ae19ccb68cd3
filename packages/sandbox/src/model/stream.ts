// A streamed completion: server-sent events, one JSON object each, then [DONE].
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import type { ModelFaults } from './faults.ts';

export type Usage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
};
type Streamed = {
  id: string;
  created: number;
  model: string;
  tokens: string[];
  finish: 'stop' | 'length';
  usage: Usage | undefined;
};
export type StreamOutcome = 'answered' | 'stream_broken' | 'client_closed';

const defaultTokensPerChunk = 4;

/** Writes the whole stream; answers how it ended. `closed` is aborted when the client goes away. */
export const streamCompletion = async (
  reply: FastifyReply,
  { tokens, finish, usage, ...head }: Streamed,
  faults: ModelFaults,
  closed: AbortSignal,
): Promise<StreamOutcome> => {
  const { raw } = reply;
  const base = { ...head, object: 'chat.completion.chunk' };
  /** Resolves once the bytes have left the process: a slow reader slows us down, a reader that left ends the wait. */
  const write = (data: string) =>
    new Promise<void>((resolve) => {
      if (raw.destroyed) return resolve();
      const done = () => {
        raw.off('close', done);
        resolve();
      };
      raw.once('close', done);
      raw.write(`data: ${data}\n\n`, done);
    });
  const chunk = (delta: object, finishReason: string | null) =>
    write(
      JSON.stringify({
        ...base,
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
        ...(usage && { usage: null }),
      }),
    );

  reply.hijack();
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-request-id': head.id,
  });
  await chunk({ role: 'assistant', content: '' }, null);
  const size = faults.tokensPerChunk ?? defaultTokensPerChunk;
  for (let i = 0, sent = 0; i < tokens.length; i += size, sent += 1) {
    if (faults.breakStreamAfter === sent) {
      raw.destroy();
      return 'stream_broken';
    }
    if (faults.errorInStreamAfter === sent) {
      await write(
        JSON.stringify({
          error: {
            message: 'The server had an error while processing your request.',
            type: 'server_error',
            param: null,
            code: null,
          },
        }),
      );
      raw.end();
      return 'stream_broken';
    }
    if (faults.chunkDelayMs) await sleep(faults.chunkDelayMs, undefined, { signal: closed }).catch(() => undefined); // An abort is seen in the next line.
    if (closed.aborted) return 'client_closed';
    await chunk({ content: tokens.slice(i, i + size).join('') }, null);
  }
  if (closed.aborted) return 'client_closed';
  if (faults.breakStreamAfter !== undefined && faults.breakStreamAfter >= Math.ceil(tokens.length / size)) {
    raw.destroy();
    return 'stream_broken';
  }
  await chunk({}, finish);
  if (usage) await write(JSON.stringify({ ...base, choices: [], usage }));
  if (!faults.omitDone) await write('[DONE]');
  raw.end();
  return 'answered';
};
