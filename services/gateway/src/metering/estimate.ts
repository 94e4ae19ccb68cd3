// Every guess about tokens, in one place. The door has no tokenizer: what the upstream reports is charged; these figures bound what is held
// before, and stand in where a stream ends before its report.
import type { UsageFigures } from '@meridian/contracts/billing.ts';

// Tokenizers of this kind are byte-level: no token of a text is shorter than a byte, so bytes bound tokens from above.
// Chat templates add a few tokens per message and at the start of the answer.
const framingPerMessage = 16;
const framingPerCall = 64;
// What a picture or a sound costs does not follow from its bytes when it is given by address.
const perMediaPart = 8_192;
/** Mean bytes per token: about 4 letters of English or 1.3 Han characters. */
const bytesPerToken = 4;

type Part = { readonly type: string; readonly text?: unknown };
type Message = { readonly content?: string | readonly Part[] | null };
export type Prompt = { readonly messages: readonly Message[] };

const partsOf = ({ content }: Message): readonly Part[] => (Array.isArray(content) ? content : []);

/** Upper bound of a prompt's tokens: the bytes of the whole request (tools and schemas are prompt too), framing, and a flat rate for media. */
export const promptTokensBound = (prompt: Prompt): number => {
  const media = prompt.messages.flatMap(partsOf).filter((part) => typeof part.text !== 'string').length;
  const framing = framingPerCall + framingPerMessage * prompt.messages.length;
  return Math.min(100_000_000, Buffer.byteLength(JSON.stringify(prompt)) + framing + perMediaPart * media);
};

/** Likely tokens of a prompt, tools and schemas too, for a stream that ended before the upstream reported them. Never above the bound. */
export const promptTokensEstimate = (prompt: Prompt): number =>
  Math.ceil(Buffer.byteLength(JSON.stringify(prompt)) / bytesPerToken);

const textBytes = (value: unknown): number => {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce((sum, [name, inner]) => (name === 'role' ? sum : sum + textBytes(inner)), 0);
};

/** What was delivered so far of a stream, or would be with one more chunk. */
export type OutputMeter = {
  /** Tokens delivered, should `delta` be delivered too. */
  readonly tokensWith: (delta: unknown) => number;
  readonly deliver: (delta: unknown) => void;
  readonly tokens: () => number;
};

/** Counts the larger of chunks (upstreams send at least one token per chunk) and bytes / 4 of all text in the deltas. */
export const createOutputMeter = (): OutputMeter => {
  let bytes = 0;
  let chunks = 0;
  const tokensOf = (allBytes: number, allChunks: number) => Math.max(allChunks, Math.ceil(allBytes / bytesPerToken));
  return {
    tokensWith: (delta) => {
      const more = textBytes(delta);
      return tokensOf(bytes + more, chunks + (more > 0 ? 1 : 0));
    },
    deliver: (delta) => {
      const more = textBytes(delta);
      bytes += more;
      if (more > 0) chunks += 1;
    },
    tokens: () => tokensOf(bytes, chunks),
  };
};

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 100_000_000 ? value : undefined;

/** The upstream's report in billing's figures; undefined when it is absent or makes no sense. */
export const readUsage = (usage: unknown): UsageFigures | undefined => {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const { prompt_tokens, completion_tokens, prompt_tokens_details } = usage as Record<string, unknown>;
  const promptTokens = count(prompt_tokens);
  const completionTokens = count(completion_tokens);
  if (promptTokens === undefined || completionTokens === undefined) return undefined;
  const details = (prompt_tokens_details ?? {}) as Record<string, unknown>;
  return { promptTokens, completionTokens, cachedTokens: Math.min(promptTokens, count(details.cached_tokens) ?? 0) };
};
