// Seals what belongs to one account with that account's own key, itself wrapped by the region's contact key.
import { randomBytes } from 'node:crypto';
import { deriveKey } from '../crypto/mac.ts';
import { open, seal } from '../crypto/seal.ts';

export type AccountKey = { readonly accountId: string; readonly key: Buffer };

export type ContactVault = {
  /** Only a registration draws a key: a missing key means "erased", never "make one". */
  readonly drawKey: (accountId: string) => { readonly key: AccountKey; readonly wrapped: Buffer };
  readonly unwrap: (accountId: string, wrapped: Buffer) => AccountKey;
  readonly seal: (key: AccountKey, what: string, text: string) => Buffer;
  readonly open: (key: AccountKey, what: string, sealed: Buffer) => string;
};

export const createContactVault = (contactKey: string): ContactVault => {
  const wrapping = deriveKey(contactKey, 'account keys');
  return {
    drawKey: (accountId) => {
      const key = randomBytes(32);
      return { key: { accountId, key }, wrapped: seal(wrapping, accountId, key) };
    },
    unwrap: (accountId, wrapped) => ({ accountId, key: open(wrapping, accountId, wrapped) }),
    seal: ({ accountId, key }, what, text) => seal(key, `${accountId} ${what}`, text),
    open: ({ accountId, key }, what, sealed) => open(key, `${accountId} ${what}`, sealed).toString('utf8'),
  };
};
