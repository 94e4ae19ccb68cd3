import { z } from 'zod';
import { commonFaults, times } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';

const faults = z.strictObject({
  ...commonFaults,
  /** Real milliseconds before each chunk of a stream. */
  chunkDelayMs: z.number().int().min(0).max(60_000).optional(),
  tokensPerChunk: z.number().int().min(1).max(1000).optional(),
  /** Cut the connection after this many chunks with content. */
  breakStreamAfter: z.number().int().min(0).max(100_000).optional(),
  /** Say nothing about usage, streamed or not. */
  omitUsage: z.boolean().optional(),
  /** Report this many prompt tokens as cached instead of what the rule gives. */
  cachedTokens: z.number().int().min(0).max(1_000_000).optional(),
  /** Leave out the final [DONE]. */
  omitDone: z.boolean().optional(),
  /** After this many chunks send an error object in the stream instead of the rest. */
  errorInStreamAfter: z.number().int().min(0).max(100_000).optional(),
  rateLimit: z.strictObject({ retryAfterSeconds: z.number().int().min(0).max(3600).default(1), times }).optional(),
});
export type ModelFaults = z.infer<typeof faults>;
export type ModelPart = Part<ModelFaults>;
export const createModelPart = (): ModelPart =>
  createPart<ModelFaults>('model', 'Model upstream (OpenAI-compatible)', faults);
