// A prefix cache by rule: the longest start of the prompt that this key sent before counts as cached, in whole blocks.
import { createHash } from 'node:crypto';
import { keepNewest } from '../storage/keep-newest.ts';
import { tokensOf } from './tokens.ts';

const blockTokens = 64;
const blocksKept = 20_000;

export const createPromptCache = () => {
  const seen = new Set<string>();
  /** How many tokens of `text` are cached for `owner`; remembers the text. */
  return (owner: string, text: string) => {
    const tokens = tokensOf(text);
    const hash = createHash('sha256').update(owner);
    let cached = 0;
    let unbroken = true;
    for (let end = blockTokens; end <= tokens.length; end += blockTokens) {
      hash.update(tokens.slice(end - blockTokens, end).join(''));
      const key = hash.copy().digest('base64');
      unbroken &&= seen.has(key);
      if (unbroken) cached = end;
      seen.add(key);
    }
    keepNewest(seen, blocksKept);
    return cached;
  };
};
