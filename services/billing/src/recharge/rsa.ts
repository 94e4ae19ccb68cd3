// SHA256withRSA (PKCS#1 v1.5), the signature of both payment channels. Keys come as PEM, or as the bare Base64 of their DER.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';

const pemOf = (text: string, label: string): string => {
  const given = text.replaceAll('\\n', '\n').trim();
  if (given.includes('-----BEGIN')) return given;
  const base64 = given.replaceAll(/\s/g, '');
  return `-----BEGIN ${label}-----\n${base64.match(/.{1,64}/g)?.join('\n') ?? ''}\n-----END ${label}-----`;
};

const checked = (key: KeyObject): KeyObject => {
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
    throw new Error('not RSA of 2048 bits');
  return key;
};

const keySchema = (parse: (text: string) => KeyObject, message: string) =>
  z.string().transform((text, context) => {
    try {
      return checked(parse(text));
    } catch {
      // OpenSSL's message must not quote key material.
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
  });

export const rsaPrivateKey = keySchema(
  (text) => createPrivateKey(pemOf(text, 'PRIVATE KEY')),
  'must be an RSA private key of at least 2048 bits in PEM or Base64 (PKCS#8)',
);

/** A public key or a certificate. A private key is refused: a verifier has no business holding one. */
export const rsaPublicKey = keySchema((text) => {
  if (text.includes('PRIVATE')) throw new Error('private key given');
  return createPublicKey(pemOf(text, 'PUBLIC KEY'));
}, 'must be an RSA public key of at least 2048 bits in PEM or Base64 (X.509)');

/** Base64. */
export const signRsa = (key: KeyObject, message: string | Buffer): string =>
  sign('RSA-SHA256', Buffer.from(message), key).toString('base64');

/** `signature` in Base64, as it was made: a decoder that passes over what does not belong would take one signature for many. */
export const verifyRsa = (key: KeyObject, message: string | Buffer, signature: string): boolean => {
  const bytes = Buffer.from(signature, 'base64');
  return bytes.toString('base64') === signature && verify('RSA-SHA256', Buffer.from(message), key, bytes);
};
