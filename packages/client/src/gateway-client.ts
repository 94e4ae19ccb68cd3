// What an operator's own gateway asks of a region: docs/integration.md shows in which order.
import { createHold, extendHold, releaseHold, settleHold } from '@meridian/contracts/billing.ts';
import type { EndpointDefinition, ServiceName } from '@meridian/contracts/endpoint.ts';
import { listKeyChanges, reportKeyUsage, verifyKey } from '@meridian/contracts/key-issuance.ts';
import { matchText, scoreHits } from '@meridian/contracts/moderation.ts';
import type { Dispatcher } from 'undici';
import { type CallAnswer, type CallOptions, call } from './client.ts';
import { type ChangeListener, followKeyChanges } from './follow-key-changes.ts';

export type GatewayClientOptions = {
  /** Internal addresses of the three services a gateway calls. */
  readonly addresses: Readonly<Record<'key-issuance' | 'billing' | 'moderation', string>>;
  /** A service token of the gateway for the called service: ES256, at most 60 s; keep one for 40 s. */
  readonly tokenFor: (audience: ServiceName) => Promise<string>;
  /** With the gateway's client certificate, where mutual TLS is on. */
  readonly dispatcher?: Dispatcher;
  /** For one call; default 4.5 s, above the deadlines that the services keep, so that their own refusal is heard. */
  readonly timeoutMs?: number;
};

type Body<E extends EndpointDefinition> = CallOptions<E> extends { readonly body: infer B } ? B : never;

/** Every function resolves with a declared answer or throws ProblemError (branch on `code`) or TransportError; none retries. */
export const createGatewayClient = (options: GatewayClientOptions) => {
  const { addresses, tokenFor, dispatcher, timeoutMs = 4_500 } = options;
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

  return {
    /**
     * Is the key good, now. Never keep the answer: it is true of the moment it was given. Say model, endpoint and address of every call: a key
     * that is bound to some is refused where the question does not tell.
     */
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
    /** Puts right what `verify` reserved, where it answered `reservedAt`; best effort: unsaid, the estimate counts until its window ends. */
    reportUsage: (usage: Body<typeof reportKeyUsage>) => ask(reportKeyUsage, { body: usage }),
    /** The long poll, from now on. Let the first call in when its `ready` has resolved. */
    changes: (listener: ChangeListener) => followKeyChanges((poll) => ask(listKeyChanges, poll), listener),
  };
};

export type GatewayClient = ReturnType<typeof createGatewayClient>;
