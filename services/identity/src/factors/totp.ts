// Time-based one-time passwords: RFC 6238 with SHA-1, 30 s and 6 digits, the only parameters every authenticator app knows.
import { createHmac } from 'node:crypto';
import { sameText } from '../crypto/mac.ts';

export const stepSeconds = 30;
/** Steps before and after that are accepted for clocks that differ (RFC 6238 5.2 recommends one). */
const drift = 1;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** RFC 4648 base 32 without padding, as apps expect it. */
export const base32 = (bytes: Buffer): string => {
  let [bits, value, text] = [0, 0, ''];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31];
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
};

/** RFC 4226 5.3. */
export const totpAt = (secret: Buffer, step: number): string => {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = digest.readUInt8(19) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
};

/** The time step a code is of, if it is right now and later than the last one used; a code never works twice. */
export const matchingStep = (secret: Buffer, code: string, now: Date, lastStep: number): number | undefined => {
  const current = Math.floor(now.getTime() / 1_000 / stepSeconds);
  let found: number | undefined;
  // Every step is compared, so that the time taken does not tell which one it was.
  for (let step = current - drift; step <= current + drift; step += 1)
    if (sameText(totpAt(secret, step), code) && step > lastStep) found ??= step;
  return found;
};

/** https://github.com/google/google-authenticator/wiki/Key-Uri-Format */
export const totpUri = (secret: Buffer, { issuer, account }: { issuer: string; account: string }): string =>
  `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(account)}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`;
