// The model behind the door: one OpenAI-compatible upstream.
import { Agent, type Dispatcher, request } from 'undici';

export type UpstreamAnswer = {
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly body: Dispatcher.ResponseData['body'];
};

export type Upstream = {
  /** Sends a chat completion. Rejects when nothing answers in time or `signal` is aborted. The body must be read or destroyed. */
  readonly complete: (body: object, signal: AbortSignal) => Promise<UpstreamAnswer>;
  /** Ends what is still asked for, too. */
  readonly close: () => Promise<void>;
};

/** Times in milliseconds: until the headers, and of silence within the body. */
export const createUpstream = (options: {
  readonly url: string;
  readonly apiKey: string;
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly maxConnections: number;
}): Upstream => {
  const agent = new Agent({ connections: options.maxConnections, connect: { timeout: 5_000 } });
  const address = `${options.url.replace(/\/+$/, '')}/chat/completions`;
  return {
    complete: async (body, signal) => {
      const answer = await request(address, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${options.apiKey}` },
        body: JSON.stringify(body),
        headersTimeout: options.firstByteMs,
        bodyTimeout: options.idleMs,
        dispatcher: agent,
        signal,
      });
      const seconds = Number(answer.headers['retry-after']);
      return {
        status: answer.statusCode,
        retryAfter: Number.isFinite(seconds) && seconds > 0 ? seconds : undefined,
        body: answer.body,
      };
    },
    close: () => agent.destroy(),
  };
};

/** The whole body as JSON, at most `maxBytes`; undefined when it is longer or no JSON. */
export const readJson = async (body: UpstreamAnswer['body'], maxBytes: number): Promise<unknown> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    // Not JSON: for the caller the same as no answer.
    return undefined;
  }
};
