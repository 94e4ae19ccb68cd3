import { createHmac } from 'node:crypto';
import type { Folded } from './fold.ts';

/** Folded units around a hit that make its fingerprint. */
export const windowUnits = 64;

/**
 * The fingerprint of a hit: HMAC-SHA-256 over the rule with its version and the folded window around the hit. The same context sent again
 * gives the same fingerprint, which counts once; the text cannot be read back from it.
 */
export const fingerprintOf = (
  key: string,
  rule: { id: string; version: number },
  text: Folded,
  hit: { start: number; end: number },
): string => {
  const middle = (hit.start + hit.end) >> 1;
  const from = Math.max(0, Math.min(middle - windowUnits / 2, text.length - windowUnits));
  const window = text.units.subarray(from, Math.min(text.length, from + windowUnits));
  return createHmac('sha256', key)
    .update(`${rule.id}|${rule.version}|`)
    .update(Buffer.from(window.buffer, window.byteOffset, window.byteLength))
    .digest('hex');
};
