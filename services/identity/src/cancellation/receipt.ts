// The receipt token of a cancellation: reads its status after the last session has ended.
import { randomBytes } from 'node:crypto';
import { deriveKey, digest } from '../crypto/mac.ts';
import { open, seal } from '../crypto/seal.ts';

export const drawReceiptToken = (region: string): string => `rct_${region}_${randomBytes(32).toString('base64url')}`;
/** The region a token names, from its public part alone; undefined when the text is no receipt token. */
export const regionOfReceiptToken = (token: string): string | undefined => /^rct_([a-z]{2,12})_/.exec(token)?.[1];
export const hashReceiptToken = digest;

const keyOf = (token: string) => deriveKey(token, 'receipt');

/** The account id for the holder of the token alone: the receipt itself stands under a random pseudonym. Events name the cancellation beside the account. */
export const sealAccount = (token: string, sagaId: string, accountId: string): Buffer =>
  seal(keyOf(token), sagaId, accountId);
export const openAccount = (token: string, sagaId: string, sealed: Buffer): string =>
  open(keyOf(token), sagaId, sealed).toString('utf8');
