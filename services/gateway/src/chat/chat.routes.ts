// POST /v1/chat/completions.
import { createChatCompletion } from '@meridian/contracts/gateway.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import { type ChatDeps, completeChat } from './complete-chat.ts';

export const chatRoutes = (
  server: HttpServer,
  deps: ChatDeps & {
    /** Milliseconds without a byte after which a connection is given up; longer than the upstream may think. */
    readonly connectionIdleMs: number;
  },
): void => {
  route(server, createChatCompletion, async ({ requestId, headers, ip, body: request, reply }) => {
    const { raw } = reply;
    raw.req.socket.setTimeout(deps.connectionIdleMs);
    const gone = new AbortController();
    raw.once('close', () => {
      if (!raw.writableFinished) gone.abort();
    });
    const {
      contentType,
      body,
      headers: rates,
    } = await completeChat(deps, {
      requestId,
      headers,
      ip,
      request,
      gone: gone.signal,
    });
    return {
      status: 200,
      // nginx and its like must not gather a stream before passing it on.
      headers: { ...rates, 'content-type': contentType, 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
      body,
    };
  });
};
