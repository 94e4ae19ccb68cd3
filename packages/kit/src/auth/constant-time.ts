// Comparing secrets without telling, by time, how much of a guess was right.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** True if both are equal. Lengths are hidden too: what is compared are digests under a key made for this one comparison. */
export const equalInConstantTime = (a: string | Uint8Array, b: string | Uint8Array): boolean => {
  const key = randomBytes(32);
  const digest = (value: string | Uint8Array) => createHmac('sha256', key).update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
};
