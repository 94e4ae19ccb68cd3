// Channel messages are kept as evidence and may name the payer: AES-256-GCM, bound to the event they belong to.
// Not kit/crypto/seal.ts: that seals texts at places made of our own names and ids. Here are the bytes as they were signed, which need not
// be UTF-8, and the channel's own event id, which may hold a place's separator.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';

/** 32 bytes in Base64. */
export const payloadKey = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').length === 32, { message: 'must be 32 bytes in Base64' })
  .transform((text) => Buffer.from(text, 'base64'));

export const sealPayload = (key: Buffer, about: string, body: Buffer): Buffer => {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about));
  const sealed = Buffer.concat([cipher.update(body), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
};

/** Throws when the key or the event is another, or the bytes were changed. */
export const openPayload = (key: Buffer, about: string, bytes: Buffer): Buffer => {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 })
    .setAAD(Buffer.from(about))
    .setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
};
