// Use case: draw the first keys, move keys on when their period is over, remove what no token needs any more.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Now } from '@meridian/kit/ids.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { deleteKeys, insertKey, keyAges, lockKeys, moveKeysOn } from './signing-key.store.ts';
import { decideRotation } from './signing-key.ts';

/** Any replica may call it at any time; answers whether another key signs now. */
export const rotateSigningKeys = async (
  tx: Tx<IdentitySchema>,
  { now, signingKeySeal }: { now: Now; signingKeySeal: Buffer },
): Promise<boolean> => {
  await lockKeys(tx);
  const at = now();
  const { first, rotate, remove } = decideRotation(await keyAges(tx), at);
  await deleteKeys(tx, remove);
  if (first) await insertKey(tx, signingKeySeal, 'current', at);
  if (rotate) await moveKeysOn(tx, at);
  if (first || rotate) await insertKey(tx, signingKeySeal, 'next', at);
  return first || rotate;
};
