// Requests to login providers: bounded in time and size, no redirects, and nothing of them in any error or log.
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import { type Dispatcher, request } from 'undici';
import { LoginError } from './login-provider.ts';

export type Answer = { readonly status: number; readonly text: string };
export type Http = {
  readonly get: (url: string, query: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly post: (url: string, form: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly delete: (url: string, query: Readonly<Record<string, string>>) => Promise<Answer>;
};
export type HttpOptions = { readonly timeoutMs?: number; readonly dispatcher?: Dispatcher };

const defaultTimeoutMs = 5_000;
const answerLimit = 65_536;

const readBounded = async (body: Dispatcher.ResponseData['body']): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += (chunk as Buffer).length;
    if (size > answerLimit) throw new Error('the answer is too long');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
};

/** Throws LoginError `provider_unavailable` without an answer in time, for 5xx and 429, and for an answer over 64 KiB. */
export const createHttp = (provider: FederatedLogin, options: HttpOptions = {}): Http => {
  const send = async (method: 'GET' | 'POST' | 'DELETE', url: URL, form?: URLSearchParams): Promise<Answer> => {
    let answer: Answer;
    try {
      const { statusCode, body } = await request(url, {
        method,
        headers: {
          accept: 'application/json',
          ...(form && { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' }),
        },
        ...(form && { body: form.toString() }),
        signal: AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs),
        ...(options.dispatcher && { dispatcher: options.dispatcher }),
      });
      answer = { status: statusCode, text: await readBounded(body) };
    } catch {
      // The cause is dropped on purpose: it may quote the address, and with it the app's secret and the person's token.
      throw new LoginError(provider, 'provider_unavailable', 'no_answer');
    }
    if (answer.status >= 500 || answer.status === 429)
      throw new LoginError(provider, 'provider_unavailable', `http_${answer.status}`);
    return answer;
  };
  const withQuery = (address: string, query: Readonly<Record<string, string>>) => {
    const url = new URL(address);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  };
  return {
    get: (url, query) => send('GET', withQuery(url, query)),
    post: (url, form) => send('POST', new URL(url), new URLSearchParams(form)),
    delete: (url, query) => send('DELETE', withQuery(url, query)),
  };
};

/** The JSON object of an answer. Throws LoginError `provider_error` for anything else. */
export const objectOf = (provider: FederatedLogin, text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Not JSON: said below, without quoting the text.
  }
  throw new LoginError(provider, 'provider_error', 'unreadable_answer');
};

/** An address with parameters, blanks as %20: some of these providers do not read "+". */
export const addressWith = (address: string, parameters: Readonly<Record<string, string>>): URL => {
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return new URL(`${address}?${query.join('&')}`);
};
