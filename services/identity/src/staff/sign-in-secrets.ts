// What one sign-in needs to remember. All of it follows from two random texts: the state, which travels, and the browser's cookie.
// The table holds hashes of both, so it opens no sign-in; nobody without the cookie can finish one.
import { randomBytes } from 'node:crypto';
import { deriveKey, digest, mac } from '../crypto/mac.ts';
import type { SignInSecrets } from './staff-provider.ts';

export const drawState = (): string => randomBytes(32).toString('base64url');
export const drawBrowser = (): string => randomBytes(32).toString('base64url');
export const hashOf = digest;

export const secretsOf = (state: string, browser: string): SignInSecrets => {
  const key = deriveKey(browser, 'staff sign-in');
  return { state, nonce: mac(key, 'nonce', state), codeVerifier: mac(key, 'pkce', state) };
};
