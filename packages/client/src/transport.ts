// One bounded HTTP exchange over undici: bounded in time and in the size of the answer.
import { type Dispatcher, request } from 'undici';
import { TransportError } from './errors.ts';

export type Transport = {
  readonly baseUrl: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the whole exchange; default 10 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Largest accepted answer; default 4 MiB. */
  readonly maxAnswerBytes?: number;
  /** Connection pool; with a client certificate where mutual TLS is required. */
  readonly dispatcher?: Dispatcher;
};

export type RawAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  readonly json: () => unknown;
};
type Outgoing = {
  readonly method: Dispatcher.HttpMethod;
  readonly url: string;
  readonly body?: string | Uint8Array;
  readonly headers: Record<string, string>;
};

const readBounded = async (body: Dispatcher.ResponseData['body'], limit: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop destroys the stream and with it the connection.
    if (size > limit) throw new TransportError('bad_answer', `the answer is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const flat = (headers: Dispatcher.ResponseData['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );

const transportError = (error: unknown, timeout: AbortSignal, outside: AbortSignal | undefined): TransportError => {
  if (error instanceof TransportError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (timeout.aborted) return new TransportError('timeout', 'no complete answer in time', { cause: error });
  if (outside?.aborted) return new TransportError('aborted', 'the caller gave up', { cause: error });
  return new TransportError('unreachable', `the server cannot be reached: ${reason}`, { cause: error });
};

/** Sends one request and reads its whole answer. Redirects are not followed. */
export const exchange = async (options: Transport, outgoing: Outgoing): Promise<RawAnswer> => {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? 10_000);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  try {
    const { statusCode, headers, body } = await request(outgoing.url, {
      method: outgoing.method,
      headers: { ...options.headers, ...outgoing.headers },
      body: outgoing.body ?? null,
      signal,
      dispatcher: options.dispatcher,
    });
    const bytes = await readBounded(body, options.maxAnswerBytes ?? 4 * 1024 * 1024);
    const json = () => {
      try {
        return JSON.parse(bytes.toString('utf8')) as unknown;
      } catch {
        // Told apart by the caller, who knows which endpoint it was: no schema fits undefined.
        return undefined;
      }
    };
    return { status: statusCode, headers: flat(headers), bytes, json };
  } catch (error) {
    throw transportError(error, timeout, options.signal);
  }
};
