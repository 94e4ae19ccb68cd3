// SHA256withRSA (RSASSA-PKCS1-v1_5), the signature of WeChat Pay v3 and Waffo, Base64.
import { createPublicKey, sign, verify } from 'node:crypto';

export const signRsaSha256 = (privateKeyPem: string, data: string | Buffer) =>
  sign('sha256', typeof data === 'string' ? Buffer.from(data) : data, privateKeyPem).toString('base64');

/** False for any malformed signature; never throws for what a caller sent. */
export const verifyRsaSha256 = (publicKeyPem: string, data: string | Buffer, signature: string) => {
  const bytes = Buffer.from(signature, 'base64');
  // Base64 decoding in Node skips foreign characters: re-encoding proves that the text was exactly Base64.
  if (bytes.length === 0 || bytes.toString('base64') !== signature) return false;
  return verify('sha256', typeof data === 'string' ? Buffer.from(data) : data, createPublicKey(publicKeyPem), bytes);
};
