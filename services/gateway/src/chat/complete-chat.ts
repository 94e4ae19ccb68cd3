// One model call, from the presented key to the settled hold.

import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { OpenCall, OpenCalls } from '@meridian/client/open-calls.ts';
import { rateHeaders } from '@meridian/client/rate-headers.ts';
import { unavailable } from '@meridian/contracts/common.ts';
import { fail, isRefusal } from '@meridian/kit/http/problems.ts';
import { type Door, presentKey } from '../keys/present-key.ts';
import { type KeyOwner, verifyKey } from '../keys/verify-key.ts';
import { promptTokensBound, promptTokensEstimate } from '../metering/estimate.ts';
import { type HoldDeps, openHold } from '../metering/holds.ts';
import type { Reservation, Reservations } from '../metering/reservations.ts';
import type { KeyChangeWatch } from '../streams/watch-key-changes.ts';
import { refuseUpstream } from '../upstream/refuse-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { type ChatRequest, outputLimit, plainRequest, streamedRequest } from './chat-request.ts';
import { endOfCall } from './end-of-call.ts';
import { type ModerateDeps, scoreCall, startMatching } from './moderate.ts';
import { plainChat } from './plain-chat.ts';
import { streamChat } from './stream-chat.ts';

export type ChatDeps = HoldDeps &
  ModerateDeps & {
    readonly now: () => Date;
    readonly door: Door;
    readonly keyIssuanceUrl: string;
    readonly reservations: Reservations;
    readonly calls: OpenCalls;
    readonly keyChanges: Pick<KeyChangeWatch, 'heardWithin'>;
    readonly upstream: Upstream;
    readonly windowSize: number;
    readonly defaultMaxTokens: number;
  };

export type ChatCall = {
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  /** Address of the caller. */
  readonly ip: string;
  readonly request: ChatRequest;
  /** Aborted when the client goes away. */
  readonly gone: AbortSignal;
};

export type ChatAnswer = {
  readonly contentType: string;
  readonly body: string | Readable;
  readonly headers: Readonly<Record<string, string>>;
};

/** How long a call waits for the first news of keys after this gateway started; key-issuance does not answer then, and would not verify either. */
const firstNewsMs = 3_000;

/** Admits, holds, calls the upstream and answers; whatever fails on the way gives back what was taken. */
export const completeChat = async (deps: ChatDeps, call: ChatCall): Promise<ChatAnswer> => {
  const key = presentKey(call.headers, deps.door);
  const open =
    deps.calls.begin() ?? fail(unavailable, { detail: 'Too many calls run at the moment; try again', retryAfter: 1 });
  try {
    if (!(await deps.keyChanges.heardWithin(firstNewsMs)))
      fail(unavailable, { detail: 'API keys cannot be verified at the moment; try again', retryAfter: 1 });
    const answer = await run(deps, call, open, key);
    if (typeof answer.body === 'string') open.end();
    return answer;
  } catch (error) {
    open.end();
    throw error;
  }
};

const run = async (deps: ChatDeps, call: ChatCall, open: OpenCall, key: string): Promise<ChatAnswer> => {
  const { request, requestId } = call;
  const limit = outputLimit(request);
  const streamed = request.stream === true;
  const tokensReserved =
    promptTokensEstimate(request) + (limit ?? (streamed ? deps.windowSize : deps.defaultMaxTokens));
  const question = {
    key,
    product: deps.door.origin.product,
    model: request.model,
    endpoint: 'chat/completions',
    ip: call.ip,
    tokensEstimate: tokensReserved,
  };
  // Beside each other; a key that turns out bad ends the matching.
  const matching = startMatching(deps, { ip: call.ip, request });
  const owner = await verifyKey(deps, question).catch((error: unknown) => {
    matching.stop();
    throw error;
  });
  const reservation = deps.reservations.of({ requestId, owner, model: request.model, tokensReserved });
  try {
    open.identify(owner);
    await scoreCall(deps, { accountId: owner.accountId, requestId, hits: await matching.hits });
    const answer = await complete(deps, call, open, owner, reservation);
    return { ...answer, headers: owner.rates ? rateHeaders(owner.rates, deps.now()) : {} };
  } catch (error) {
    // Whatever was used has been told by then; otherwise nothing was.
    reservation.used(0);
    throw error;
  }
};

const complete = async (
  deps: ChatDeps,
  call: ChatCall,
  open: OpenCall,
  owner: KeyOwner,
  reservation: Reservation,
): Promise<Omit<ChatAnswer, 'headers'>> => {
  const { request, requestId, gone } = call;
  const limit = outputLimit(request);
  const streamed = request.stream === true;
  const maxTokens = limit ?? deps.defaultMaxTokens;
  const hold = await openHold(
    deps,
    {
      requestId,
      accountId: owner.accountId,
      keyId: owner.keyId,
      model: request.model,
      promptTokensBound: promptTokensBound(request),
      completionWindow: streamed ? Math.min(limit ?? deps.windowSize, deps.windowSize) : maxTokens,
    },
    reservation.used,
  );
  const signal = AbortSignal.any([open.signal, gone]);
  try {
    const answer = await deps.upstream.complete(
      streamed ? streamedRequest(request) : plainRequest(request, maxTokens),
      signal,
    );
    if (answer.status !== 200) return await refuseUpstream(answer);
    if (!streamed) return { contentType: 'application/json', body: await plainChat(answer.body, request, hold) };
    const frames = streamChat(answer.body, {
      requestId,
      request,
      hold,
      gone,
      windowSize: deps.windowSize,
      now: deps.now,
      log: deps.log,
      cut: open.signal,
      explain: (error, failed) => endOfCall(open, error, failed),
    });
    return { contentType: 'text/event-stream; charset=utf-8', body: await startStream(frames, open) };
  } catch (error) {
    await hold.release();
    if (!gone.aborted && !isRefusal(error)) deps.log.warn({ err: error, requestId }, 'the upstream failed');
    throw endOfCall(open, error);
  }
};

const cutGraceMs = 500;

/**
 * A readable of the frames. Waits for the first one, so that what goes wrong before is an ordinary refusal, and so that the generator has begun:
 * only then does ending it settle the hold.
 */
const startStream = async (frames: AsyncGenerator<string>, open: OpenCall): Promise<Readable> => {
  const first = await frames.next();
  const rest = async function* () {
    if (!first.done) yield first.value;
    yield* frames;
  };
  const stream = Readable.from(rest(), { objectMode: false, highWaterMark: 16 * 1024 });
  // A client that does not read must not keep a cut stream open.
  const destroy = () => setTimeout(() => stream.destroy(), cutGraceMs).unref();
  open.signal.addEventListener('abort', destroy, { once: true });
  stream.once('close', () => {
    open.signal.removeEventListener('abort', destroy);
    void frames.return(undefined).finally(open.end);
  });
  return stream;
};
