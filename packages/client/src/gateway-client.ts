// What an operator's own gateway asks of a region: docs/integration.md shows in which order.
import { createHold, extendHold, releaseHold, settleHold } from '@meridian/contracts/billing.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import { listKeyChanges, verifyKey } from '@meridian/contracts/key-issuance.ts';
import { matchText, scoreHits } from '@meridian/contracts/moderation.ts';
import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import { type CallAnswer, type CallOptions, call } from './client.ts';

export type GatewayClientOptions = {
  /** Internal addresses of the three services a gateway calls. */
  readonly addresses: Readonly<Record<'key-issuance' | 'billing' | 'moderation', string>>;
  /** A service token of the gateway for the called service: ES256, at most 60 s; keep one for 40 s. */
  readonly tokenFor: (audience: ServiceName) => Promise<string>;
  /** With the gateway's client certificate, where mutual TLS is on. */
  readonly dispatcher?: Dispatcher;
  /** For one call; default 3 s. */
  readonly timeoutMs?: number;
};

export type KeyChange = z.output<(typeof listKeyChanges)['answers'][200]>['changes'][number];

export type ChangeListener = {
  /** Open streams of these keys (or, without a key id, of the whole account) must end now. */
  readonly onChanges: (changes: readonly KeyChange[]) => void;
  /** Nothing was heard for `silenceMs`: every open stream must end, as nobody knows whether it may go on. Called once per silence. */
  readonly onSilence: () => void;
  /** Told of every failed poll; polling goes on. */
  readonly onError?: (error: unknown) => void;
  /** Default 10 s. */
  readonly silenceMs?: number;
  readonly signal: AbortSignal;
};

const pollSeconds = 5;
const pollGraceMs = 3_000;
const retryMs = 250;

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });

type Body<E extends EndpointDefinition> = CallOptions<E> extends { readonly body: infer B } ? B : never;

/** Every function resolves with a declared answer or throws ProblemError (branch on `code`) or TransportError; none retries. */
export const createGatewayClient = (options: GatewayClientOptions) => {
  const { addresses, tokenFor, dispatcher, timeoutMs = 3_000 } = options;
  const ask = async <E extends EndpointDefinition>(
    endpoint: E,
    parts: Record<string, unknown>,
  ): Promise<CallAnswer<E>['body']> => {
    const baseUrl = addresses[endpoint.service as keyof typeof addresses];
    const token = await tokenFor(endpoint.service);
    // The parts are typed by the functions below, which are made from the same endpoints.
    const given = { timeoutMs, ...parts, baseUrl, token, dispatcher } as unknown as CallOptions<E>;
    return (await call(endpoint, given)).body;
  };

  const changes = async ({ onChanges, onSilence, onError, silenceMs = 10_000, signal }: ChangeListener) => {
    let after: string | undefined;
    let heard = performance.now();
    let told = false;
    const watch = setInterval(
      () => {
        if (told || performance.now() - heard < silenceMs) return;
        told = true;
        onSilence();
      },
      Math.min(250, silenceMs / 4),
    );
    try {
      while (!signal.aborted) {
        try {
          const query = { wait: pollSeconds, ...(after !== undefined && { after }) };
          const news = await ask(listKeyChanges, { query, signal, timeoutMs: pollSeconds * 1_000 + pollGraceMs });
          after = news.position;
          heard = performance.now();
          told = false;
          if (news.changes.length > 0) onChanges(news.changes);
        } catch (error) {
          if (signal.aborted) return;
          onError?.(error);
          await pause(retryMs, signal);
        }
      }
    } finally {
      clearInterval(watch);
    }
  };

  return {
    /** Is the key good, now. Never keep the answer: it is true of the moment it was given. */
    verify: (question: Body<typeof verifyKey>) => ask(verifyKey, { body: question }),
    /** Hits of texts against the live rules; needs no account, so it runs beside `verify`. */
    match: (texts: readonly string[]) => ask(matchText, { body: { texts } }),
    /** Only where `match` found something. */
    score: (hits: Body<typeof scoreHits>) => ask(scoreHits, { body: hits }),
    /** Reserves prompt and first output window; 402 `insufficient_balance` refuses the call. */
    hold: (request: Body<typeof createHold>) => ask(createHold, { body: request }),
    /** Before a window is used up; refused: end the stream and settle what was delivered. */
    extend: (requestId: string, body: Body<typeof extendHold>) => ask(extendHold, { params: { requestId }, body }),
    /** Once per call, also when the stream broke; repeat until it answers. */
    settle: (requestId: string, body: Body<typeof settleHold>) => ask(settleHold, { params: { requestId }, body }),
    /** Instead of `settle` when nothing was delivered. */
    release: (requestId: string) => ask(releaseHold, { params: { requestId }, body: {} }),
    /** The long poll; resolves when `signal` is aborted. Start it before the first call is let in. */
    changes,
  };
};

export type GatewayClient = ReturnType<typeof createGatewayClient>;
