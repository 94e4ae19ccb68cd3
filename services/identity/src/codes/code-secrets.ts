// What is stored instead of identifiers and codes: keyed hashes, so that the table alone reveals neither.
import { randomInt } from 'node:crypto';
import { deriveKey, mac } from '../crypto/mac.ts';

export type CodeSecrets = {
  /** The blind index of an identifier: the same for contacts and codes. `account` stands for an account named by its id. */
  readonly identifierHash: (kind: 'phone' | 'email' | 'account', value: string) => string;
  /** Scope of a limit on an identifier; not the blind index, so that counts cannot be joined to contacts. */
  readonly identifierScope: (what: 'send' | 'fail' | 'password' | 'real-name', identifierHash: string) => string;
  readonly networkScope: (network: string, what?: 'codes' | 'sign-ins') => string;
  readonly accountScope: (what: 'bind' | 'new-device' | 'notices', accountId: string) => string;
  /** Bound to the id: a hash cannot be moved to another code. */
  readonly codeHash: (codeId: string, code: string) => string;
};

export const createCodeSecrets = (identifierPepper: string, codePepper: string): CodeSecrets => {
  const index = deriveKey(identifierPepper, 'blind index');
  const scope = deriveKey(identifierPepper, 'limit scope');
  const codes = deriveKey(codePepper, 'code');
  return {
    identifierHash: (kind, value) => mac(index, kind, value),
    identifierScope: (what, identifierHash) => `${what}:${mac(scope, what, identifierHash)}`,
    networkScope: (network, what = 'codes') => `network:${what}:${mac(scope, 'network', network)}`,
    accountScope: (what, accountId) => `account:${what}:${mac(scope, what, accountId)}`,
    codeHash: (codeId, code) => mac(codes, codeId, code),
  };
};

/** Six digits from the system's CSPRNG: 19.9 bits, tried at most 5 times (OWASP ASVS 6.5.3). */
export const drawCode = (): string => String(randomInt(1_000_000)).padStart(6, '0');
