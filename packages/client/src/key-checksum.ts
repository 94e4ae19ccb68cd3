// The public part of an API key, checkable by anyone without a secret or a call: for secret scanners, front ends and gateways.
import { type KeyProduct, keyPattern } from '@meridian/contracts/key-issuance.ts';

/** Digits of base 62 as keys use them. */
export const base62Digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `value` (whole, not negative, at most 2^53) as exactly `length` base-62 digits, most significant first; larger values keep their lowest digits. */
export const toBase62 = (value: number, length: number): string => {
  let text = '';
  let rest = value;
  for (let i = 0; i < length; i += 1) {
    text = base62Digits.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
};

/** What each byte does to a CRC-32. */
const crcOfByte = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

/** CRC-32 of ISO-HDLC (that of zip and PNG) of an ASCII text. Runs anywhere, without Node's zlib. */
export const crc32 = (ascii: string): number => {
  let crc = 0xffffffff;
  for (let i = 0; i < ascii.length; i += 1)
    crc = (crc >>> 8) ^ (crcOfByte[(crc ^ ascii.charCodeAt(i)) & 0xff] as number);
  return (crc ^ 0xffffffff) >>> 0;
};

export type PublicKeyPart = {
  readonly product: KeyProduct;
  readonly region: string;
  readonly pepperVersion: number;
};

const tagLength = 8;
const checksumLength = 6;

/**
 * What a key says of itself: product, region and pepper version; undefined when the text is not a key or its checksum is wrong (a typing
 * mistake, or not a key at all). Says nothing about whether the key was ever issued: only its region can tell.
 */
export const readPublicPart = (text: string): PublicKeyPart | undefined => {
  const match = keyPattern.exec(text);
  if (!match) return undefined;
  const covered = text.slice(0, -(checksumLength + tagLength));
  if (toBase62(crc32(covered), checksumLength) !== match[5]) return undefined;
  return { product: match[1] === 'sk' ? 'payg' : 'plan', region: match[2] ?? '', pepperVersion: Number(match[3]) };
};
