import { randomBytes, randomInt } from 'node:crypto';

const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** `length` characters of [A-Za-z0-9], each drawn evenly. */
export const randomText = (length: number) =>
  Array.from({ length }, () => alphanumeric[randomInt(alphanumeric.length)]).join('');
export const randomDigits = (length: number) => Array.from({ length }, () => randomInt(10)).join('');
export const randomHex = (bytes: number) => randomBytes(bytes).toString('hex');
