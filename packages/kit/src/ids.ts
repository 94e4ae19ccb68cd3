// Ids: `prefix_region_ulid`. Typed, carrying their region, ordered by time to the millisecond.
import { randomBytes } from 'node:crypto';

export type Now = () => Date;

// Crockford's base 32: no I, L, O, U.
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const form = /^[a-z]{2,8}_([a-z]{2,12})_[0-9A-HJKMNP-TV-Z]{26}$/;

const encode = (value: bigint, length: number): string => {
  let rest = value;
  let text = '';
  for (let i = 0; i < length; i += 1) {
    text = alphabet.charAt(Number(rest & 31n)) + text;
    rest >>= 5n;
  }
  return text;
};

/** A ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits. Not monotonic within a millisecond. */
export const ulid = (now: Date): string =>
  encode(BigInt(now.getTime()), 10) + encode(BigInt(`0x${randomBytes(10).toString('hex')}`), 16);

/** A new id such as `acc_<region>_01J...`. */
export const newId = (prefix: string, region: string, now: Date): string => `${prefix}_${region}_${ulid(now)}`;

/**
 * A well-formed id whose time is random, too: for a record that must not be matched by time with what is known of its making. Such ids do
 * not sort.
 */
export const newTimelessId = (prefix: string, region: string): string =>
  `${prefix}_${region}_${encode(BigInt(`0x${randomBytes(16).toString('hex')}`), 26)}`;

const time = /^[a-z]{2,8}_[a-z]{2,12}_([0-9A-HJKMNP-TV-Z]{10})[0-9A-HJKMNP-TV-Z]{16}$/;

/** When an id was drawn, to the millisecond; undefined when the text is not an id. */
export const timeOfId = (id: string): Date | undefined => {
  const text = time.exec(id)?.[1];
  return text === undefined
    ? undefined
    : new Date(Number([...text].reduce((sum, character) => sum * 32n + BigInt(alphabet.indexOf(character)), 0n)));
};

/** The region an id names, from its public part alone; undefined when the text is not an id. */
export const regionOfId = (id: string): string | undefined => form.exec(id)?.[1];
