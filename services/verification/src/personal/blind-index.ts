import { createHmac } from 'node:crypto';

/**
 * The blind index of a number: HMAC-SHA-256 under a key of its own, never a plain hash (a number has some 30 bits of entropy). The region
 * is part of it, so that indexes of two regions cannot be compared even if a key were shared by mistake.
 */
export const blindIndex = (key: string, region: string, number: string): Buffer =>
  createHmac('sha256', key).update(`meridian|${region}|identity-number|${number}`).digest();

/** The same for the attempts of one day: with another purpose and the day in it, it leads neither to a slot nor to another day. */
export const attemptIndex = (key: string, region: string, day: string, number: string): Buffer =>
  createHmac('sha256', key).update(`meridian|${region}|identity-attempt|${day}|${number}`).digest();
