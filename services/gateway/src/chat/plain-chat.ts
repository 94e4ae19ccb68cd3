// A completion in one piece.
import { upstreamFailed } from '@meridian/contracts/gateway.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { createOutputMeter, promptTokensEstimate, readUsage } from '../metering/estimate.ts';
import type { Hold } from '../metering/holds.ts';
import { readJson, type UpstreamAnswer } from '../upstream/upstream.ts';
import type { ChatRequest } from './chat-request.ts';

const maxAnswerBytes = 32 * 1024 * 1024;

/** The upstream's answer as it is, settled by its own figures; without any, by an estimate of its text. */
export const plainChat = async (body: UpstreamAnswer['body'], request: ChatRequest, hold: Hold): Promise<string> => {
  const answer = await readJson(body, maxAnswerBytes);
  if (typeof answer !== 'object' || answer === null) return fail(upstreamFailed, { retryAfter: 2 });
  const { usage, choices } = answer as { usage?: unknown; choices?: unknown };
  const meter = createOutputMeter();
  if (Array.isArray(choices)) meter.deliver(choices.map((choice: { message?: unknown }) => choice?.message));
  const estimate = {
    promptTokens: promptTokensEstimate(request),
    cachedTokens: 0,
    completionTokens: meter.tokens(),
  };
  await hold.settle(readUsage(usage) ?? estimate, 'completed');
  return JSON.stringify(answer);
};
