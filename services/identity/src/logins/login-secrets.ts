// What is stored instead of ids and tokens of providers, and what one flow needs to remember. A flow's secrets follow from two random texts,
// the state, which travels, and the browser's cookie: the tables hold hashes of both, so they open nothing.
import { randomBytes } from 'node:crypto';
import { deriveKey, digest, mac } from '../crypto/mac.ts';
import { open, seal } from '../crypto/seal.ts';
import type { LoginFlow, ProvenLogin, SubjectId } from '../providers/login-provider.ts';

export const drawSecret = (): string => randomBytes(32).toString('base64url');
export const hashOf = digest;

export const flowSecrets = (state: string, browser: string): Pick<LoginFlow, 'state' | 'nonce' | 'codeVerifier'> => {
  const key = deriveKey(browser, 'login flow');
  return { state, nonce: mac(key, 'nonce', state), codeVerifier: mac(key, 'pkce', state) };
};

const pendingKey = (token: string) => deriveKey(token, 'pending login');
/** Readable only with the token, of which the row holds a hash; bound to the row, which is bound to its flow. */
export const sealProven = (token: string, pendingId: string, proven: ProvenLogin): Buffer =>
  seal(pendingKey(token), pendingId, JSON.stringify(proven));
export const openProven = (token: string, pendingId: string, sealed: Buffer): ProvenLogin =>
  JSON.parse(open(pendingKey(token), pendingId, sealed).toString('utf8')) as ProvenLogin;

export type LoginSecrets = {
  /** Keyed: the table tells nobody who somebody is at a provider. */
  readonly subjectHash: (id: SubjectId) => string;
  readonly sealRevocation: (id: string, token: string) => Buffer;
  readonly openRevocation: (id: string, sealed: Buffer) => string;
  /** Of a genuine push, by its own id or else by all of it: a repeat has the same. */
  readonly pushHash: (...parts: string[]) => string;
  /** Follows from the push, so that a repeat gets the same answer; 128 bits. */
  readonly confirmationCode: (pushHash: string) => string;
};

export const createLoginSecrets = (identifierPepper: string, contactKey: string): LoginSecrets => {
  const subjects = deriveKey(identifierPepper, 'login subjects');
  const pushes = deriveKey(identifierPepper, 'login pushes');
  const revocations = deriveKey(contactKey, 'login revocations');
  return {
    subjectHash: ({ provider, app, kind, value }) => mac(subjects, provider, app, kind, value),
    sealRevocation: (id, token) => seal(revocations, id, token),
    openRevocation: (id, sealed) => open(revocations, id, sealed).toString('utf8'),
    pushHash: (...parts) => mac(pushes, 'push', ...parts),
    confirmationCode: (pushHash) => mac(pushes, 'confirmation', pushHash).slice(0, 22),
  };
};
