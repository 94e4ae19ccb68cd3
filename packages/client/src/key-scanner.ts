// Finding keys in running text, for secret scanners: the published expression, and a checker that leaves no false finds.
import { base62Digits, crc32, type PublicKeyPart, readPublicPart, toBase62 } from './key-checksum.ts';

/** Finds candidates in any text; RE2, PCRE and JavaScript read it alike. Check each with `readPublicPart` or by its CRC-32. */
export const keyExpression = '\\b(?:sk|tp)-[a-z]{2,12}[0-9]{1,3}_[0-9A-Za-z]{46}\\b';

export type FoundKey = PublicKeyPart & { readonly key: string; readonly index: number };

/** Keys in `text` with a right checksum, at most `max`. */
export const findKeys = (text: string, max = 1_000): FoundKey[] => {
  const found: FoundKey[] = [];
  for (const match of text.matchAll(new RegExp(keyExpression, 'g'))) {
    const part = readPublicPart(match[0]);
    if (part) found.push({ ...part, key: match[0], index: match.index });
    if (found.length >= max) break;
  }
  return found;
};

/** A key with a right checksum that no region ever issued: its secret is the alphabet and its tag is zero. For trying a scanner. */
export const exampleKey = (region: string): string => {
  const covered = `sk-${region}1_${base62Digits.slice(0, 32)}`;
  return `${covered}${toBase62(crc32(covered), 6)}00000000`;
};
