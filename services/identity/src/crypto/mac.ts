// Keyed hashes and the keys they use. Each purpose has a key of its own, derived from the configured secret.
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** 32 bytes for one purpose from a configured secret (HKDF-SHA-256, RFC 5869). */
export const deriveKey = (secret: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `meridian identity ${purpose}`, 32));

/** HMAC-SHA-256 over the parts, base64url. Parts must not contain NUL, which separates them. */
export const mac = (key: Buffer, ...parts: string[]): string =>
  createHmac('sha256', key).update(parts.join('\0')).digest('base64url');

/** Plain SHA-256, base64url; for texts of 256 random bits, which nobody can guess. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** Compares in constant time; texts of different lengths differ. */
export const sameText = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};
