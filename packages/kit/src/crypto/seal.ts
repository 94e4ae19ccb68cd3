// Sealing of fields that identify a person: AES-256-GCM under a data key of one subject, which is itself wrapped under a key ring.
// The place of a value (region, table, row, field, key version) is authenticated with it, so a ciphertext that was moved does not open.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/** Where a sealed value lives. */
export type Place = { region: string; table: string; row: string; field: string };

/** `sealed_value_unreadable`: wrong key, wrong place or changed bytes; which of them is not told. */
export class SealError extends Error {
  override name = 'SealError';
  code = 'sealed_value_unreadable';
}

const nonceBytes = 12;
const tagBytes = 16;

// Parts are ids and names of tables; a separator inside one would make two places look alike.
const placeText = (place: Place, version: number) => {
  const parts = [place.region, place.table, place.row, place.field, String(version)];
  if (parts.some((part) => part === '' || part.includes('|')))
    throw new SealError('a part of the place is empty or has a bar');
  return Buffer.from(parts.join('|'), 'utf8');
};

const encrypt = (key: Buffer, plain: Buffer, place: Buffer): Buffer => {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(place);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
};

const decrypt = (key: Buffer, sealed: Buffer, place: Buffer): Buffer => {
  if (sealed.length < nonceBytes + tagBytes) throw new SealError('the sealed value is too short');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(place);
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)), decipher.final()]);
  } catch {
    // OpenSSL's message says nothing more than this.
    throw new SealError('the sealed value does not open here');
  }
};

/** A data key in use. `version` is the version of the ring's key that wrapped it. */
export type DataKey = { readonly key: Buffer; readonly version: number };

/** Draws a new data key and wraps it under the ring's current key. `place` is where the wrapped key will be stored. */
export const newDataKey = (ring: KeyRing, place: Place): { dataKey: DataKey; wrapped: Buffer } => {
  const { version, key: outer } = ring.current;
  const key = randomBytes(32);
  return { dataKey: { key, version }, wrapped: encrypt(outer, key, placeText(place, version)) };
};

/** Opens a wrapped data key. Throws SealError when the ring lacks that version or the bytes do not open at this place. */
export const openDataKey = (ring: KeyRing, place: Place, wrapped: Buffer, version: number): DataKey => {
  const outer = ring.keys.get(version);
  if (!outer) throw new SealError(`the key ring has no version ${version}`);
  return { key: decrypt(outer, wrapped, placeText(place, version)), version };
};

/** Seals a text: nonce (96 bits, random), ciphertext, tag (128 bits). One data key per subject keeps far below GCM's 2^32 (SP 800-38D, 8.3). */
export const sealText = (dataKey: DataKey, place: Place, text: string): Buffer =>
  encrypt(dataKey.key, Buffer.from(text, 'utf8'), placeText(place, dataKey.version));

/** Opens what `sealText` sealed at the same place; throws SealError otherwise. */
export const openText = (dataKey: DataKey, place: Place, sealed: Buffer): string =>
  decrypt(dataKey.key, sealed, placeText(place, dataKey.version)).toString('utf8');
