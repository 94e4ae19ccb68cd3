// Form of a key: family, region and pepper version, 32 secret + 6 CRC-32 + 8 tag characters of base 62. The tag lets the server turn away
// garbage without a read; the checksum lets scanners tell a key from any other text without a secret.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { base62Digits, readPublicPart, toBase62 } from '@meridian/client/key-checksum.ts';
import type { KeyProduct } from '@meridian/contracts/key-issuance.ts';

/** Secrets of the keyed hash by version; all but the current one only verify. */
export type Peppers = { readonly current: number; readonly secretOf: (version: number) => string | undefined };

const secretLength = 32;
const tagLength = 8;
const displaySecretLength = 4;

// 248 is the largest multiple of 62 in a byte: values above it are thrown away, so every digit is equally likely.
const unbiasedBelow = 248;

/** `length` uniformly random base-62 digits; `bytes` is the source of randomness. */
export const randomBase62 = (length: number, bytes: (count: number) => Uint8Array = randomBytes): string => {
  let text = '';
  while (text.length < length) {
    for (const byte of bytes(length - text.length + 8)) {
      if (byte < unbiasedBelow && text.length < length) text += base62Digits.charAt(byte % 62);
    }
  }
  return text;
};

// The two uses of a pepper must not meet: a tag is public, a digest is what the table is looked up by.
const hmac = (pepper: string, use: 'tag' | 'digest', text: string): Buffer =>
  createHmac('sha256', pepper).update(`${use}:${text}`).digest();

// 64 bits against 62^8 (48 bits): the remainder's bias is below 2^-16.
const tags = 62n ** BigInt(tagLength);
const tagOf = (pepper: string, text: string): string =>
  toBase62(Number(hmac(pepper, 'tag', text).readBigUInt64BE(0) % tags), tagLength);

/** HMAC-SHA-256(pepper, key): what is stored of a key and what it is found by. 32 bytes. */
export const digestOf = (pepper: string, key: string): Buffer => hmac(pepper, 'digest', key);

export type NewKey = {
  /** The whole key; shown once, never stored. */
  readonly key: string;
  readonly digest: Buffer;
  readonly pepperVersion: number;
  /** Head of the key, up to the first characters of the secret. */
  readonly display: string;
};

/** A new random key of this region and product, under the current pepper. */
export const makeKey = (peppers: Peppers, region: string, product: KeyProduct): NewKey => {
  const pepper = peppers.secretOf(peppers.current);
  if (pepper === undefined) throw new Error(`there is no pepper of version ${peppers.current}`);
  const head = `${product === 'payg' ? 'sk' : 'tp'}-${region}${peppers.current}_`;
  const secret = randomBase62(secretLength);
  const covered = head + secret + toBase62(crc32(head + secret), 6);
  const key = covered + tagOf(pepper, covered);
  return {
    key,
    digest: digestOf(pepper, key),
    pepperVersion: peppers.current,
    display: `${head}${secret.slice(0, displaySecretLength)}…`,
  };
};

/**
 * The digest to look a presented key up by; undefined when it cannot be a key of ours: wrong form, checksum, region, pepper version or tag.
 * The tag is compared in constant time.
 */
export const digestOfPresented = (peppers: Peppers, region: string, text: string): Buffer | undefined => {
  const part = readPublicPart(text);
  if (part?.region !== region) return undefined;
  const pepper = peppers.secretOf(part.pepperVersion);
  if (pepper === undefined) return undefined;
  const expected = tagOf(pepper, text.slice(0, -tagLength));
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(text.slice(-tagLength)))) return undefined;
  return digestOf(pepper, text);
};
