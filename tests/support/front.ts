// A stand-in for the way to one service: what a test does not answer itself, or delay, is passed on.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export type FrontAnswer = { readonly status: number; readonly body: string };
/** Answers a request to `path`; `pass` asks the service. */
export type Intercept = (path: string, pass: () => Promise<FrontAnswer>) => Promise<FrontAnswer>;

/** A refusal, as services write it. */
export const problemAnswer = (status: number, code: string): FrontAnswer => ({
  status,
  body: JSON.stringify({ type: 'about:blank', title: code, status, code, requestId: 'front' }),
});

/** Listens on loopback before the service at `target`. */
export const startFront = async (target: string, intercept: Intercept) => {
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '/', headers } = request;
    const body = await text(request);
    const pass = async (): Promise<FrontAnswer> => {
      const { authorization = '', 'content-type': type = 'application/json' } = headers;
      const given = { method, headers: { authorization, 'content-type': type }, ...(body !== '' && { body }) };
      const answer = await fetch(new URL(url, target), given);
      return { status: answer.status, body: await answer.text() };
    };
    const answer = await intercept(url, pass).catch(() => problemAnswer(502, 'unavailable'));
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body || undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
