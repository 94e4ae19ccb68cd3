// A streamed completion: passed through as it comes, metered, and settled once whatever happens.
import type { UsageFigures } from '@meridian/contracts/billing.ts';
import { upstreamFailed } from '@meridian/contracts/gateway.ts';
import { fail, type Refusal } from '@meridian/kit/http/problems.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import { createOutputMeter, promptTokensEstimate, readUsage } from '../metering/estimate.ts';
import type { Hold } from '../metering/holds.ts';
import { openAiErrorOf } from '../openai/render-error.ts';
import { readEvents } from '../upstream/sse.ts';
import { type ChatRequest, outputLimit, wantsUsage } from './chat-request.ts';
import { createWindow } from './window.ts';

export type StreamedCall = {
  readonly requestId: string;
  readonly request: ChatRequest;
  readonly hold: Hold;
  readonly windowSize: number;
  readonly now: () => Date;
  readonly log: Logger;
  /** Aborted when the client has gone: nobody is told anything then. */
  readonly gone: AbortSignal;
  /** Aborted when the call is ended from outside. */
  readonly cut: AbortSignal;
  /** What the caller is told of an error. */
  readonly explain: (error: unknown, failed: string) => Refusal;
};

type Chunk = { choices?: { delta?: unknown }[]; usage?: unknown; error?: unknown };

const parseChunk = (data: string): Chunk => {
  try {
    const value = JSON.parse(data) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Falls through: the upstream broke its own protocol.
  }
  return fail(upstreamFailed, { detail: midway });
};

const midway = 'The model broke off in the middle of its answer; what was delivered is charged';

/** `work`, or a rejection as soon as `signal` is aborted. */
const unlessAborted = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new Error('ended from outside'));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

const frame = (data: string) => `data: ${data}\n\n`;

/**
 * Frames for the client. Rejects when the call ends before its first frame; later an error is a frame of its own. Once started, the generator is
 * to be run to its end or returned: either way the hold is settled or given back.
 */
export async function* streamChat(body: AsyncIterable<Uint8Array>, call: StreamedCall): AsyncGenerator<string> {
  const { request, hold, requestId } = call;
  const meter = createOutputMeter();
  let promptTokens: number | undefined;
  let reported: UsageFigures | undefined;
  let ended = false;
  let begun = false;
  const metered = (): UsageFigures => {
    promptTokens ??= promptTokensEstimate(request);
    return { promptTokens, cachedTokens: 0, completionTokens: meter.tokens() };
  };
  const window = createWindow({
    hold,
    size: call.windowSize,
    limit: outputLimit(request),
    soFar: metered,
    used: meter.tokens,
    now: call.now,
  });

  try {
    for await (const data of readEvents(body)) {
      if (data === '[DONE]') {
        ended = true;
        break;
      }
      const chunk = parseChunk(data);
      if (chunk.error !== undefined) fail(upstreamFailed, { detail: midway });
      reported = readUsage(chunk.usage) ?? reported;
      const deltas = (chunk.choices ?? []).map((choice) => choice.delta);
      const covering = window.cover(meter.tokensWith(deltas));
      if (covering) await unlessAborted(covering, call.cut);
      meter.deliver(deltas);
      window.lookAhead();
      begun = true;
      if (wantsUsage(request)) yield frame(data);
      else if (chunk.usage === undefined) yield frame(data);
      else if (deltas.length > 0) yield frame(JSON.stringify({ ...chunk, usage: undefined }));
    }
    // Some upstreams leave the marker out; a stream that reported its usage came to its end all the same.
    if (!ended && reported === undefined) fail(upstreamFailed, { detail: midway });
    ended = true;
    yield frame('[DONE]');
  } catch (error) {
    if (call.gone.aborted) return;
    if (!begun) throw error;
    const { definition, members } = call.explain(error, midway);
    call.log.info({ requestId, problem: definition.code }, 'a stream was ended');
    yield frame(JSON.stringify({ error: openAiErrorOf(definition, members, requestId) }));
  } finally {
    await close(hold, { reported, metered, ended });
  }
}

/** The upstream's own figures where it gave them, else what was delivered; nothing delivered costs nothing. */
const close = (
  hold: Hold,
  { reported, metered, ended }: { reported: UsageFigures | undefined; metered: () => UsageFigures; ended: boolean },
): Promise<void> => {
  if (reported !== undefined) return hold.settle(reported, 'completed');
  const figures = metered();
  if (figures.completionTokens === 0 && !ended) return hold.release();
  return hold.settle(figures, ended ? 'completed' : 'interrupted');
};
