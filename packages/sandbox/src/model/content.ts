// What the model says: decided by the prompt alone, so that tests can foretell it.
import { tokensOf } from './tokens.ts';

const words =
  'the model said that a small steady stream can carry far more than one loud wave and this line goes on as long as it was asked to'.split(
    ' ',
  );
const wordsAt = (count: number) => Array.from({ length: count }, (_, i) => words[i % words.length]).join(' ');
const maxWords = 200_000;

/**
 * "write N words" gives N words, "写N个字" N Han characters; "say: text" gives that text; anything else is echoed.
 * Answers tokens, cut at `maxTokens`, and whether they were cut.
 */
export const completionFor = (prompt: string, maxTokens: number) => {
  const wordCount = /\bwrite (\d{1,6}) words\b/i.exec(prompt)?.[1];
  const hanCount = /写(\d{1,6})个?字/.exec(prompt)?.[1];
  const said = /\bsay: (.+)$/is.exec(prompt)?.[1];
  const text = wordCount
    ? wordsAt(Math.min(Number(wordCount), maxWords))
    : hanCount
      ? '海纳百川有容乃大'.repeat(Math.ceil(Number(hanCount) / 8)).slice(0, Number(hanCount))
      : (said ?? `You said: ${prompt}`);
  const tokens = tokensOf(text);
  return { tokens: tokens.slice(0, maxTokens), cut: tokens.length > maxTokens };
};
