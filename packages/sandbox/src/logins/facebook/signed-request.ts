// https://developers.facebook.com/docs/reference/login/signed-request
import { createHmac } from 'node:crypto';

export const signedRequest = (payload: object, appSecret: string) => {
  const text = Buffer.from(JSON.stringify(payload)).toString('base64url');
  return `${createHmac('sha256', appSecret).update(text).digest('base64url')}.${text}`;
};
