// Apple takes a JWT of our own key as client_secret:
// https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
import { type KeyObject, sign } from 'node:crypto';
import type { Now } from '@meridian/kit/ids.ts';

export type AppleKey = {
  readonly clientId: string;
  readonly teamId: string;
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly issuer: string;
  readonly now: Now;
};

/** Apple allows half a year; each request gets its own, so that one that leaks is soon worthless. */
const lifeSeconds = 300;
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export const appleClientSecret = ({ clientId, teamId, keyId, privateKey, issuer, now }: AppleKey): string => {
  const iat = Math.floor(now().getTime() / 1_000);
  const claims = { iss: teamId, sub: clientId, aud: issuer, iat, exp: iat + lifeSeconds };
  const text = `${encode({ alg: 'ES256', kid: keyId })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
};
