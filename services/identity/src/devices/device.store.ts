// SQL of the devices an account is known on.
import type { Tx } from '@meridian/kit/db/database.ts';
import type { IdentitySchema } from '../db/schema.ts';

type Transaction = Tx<IdentitySchema>;

/** The client names its device, so the number of names must be bounded: the ones not seen for longest are forgotten. */
const maxDevices = 50;

/** Whether the account has been used on this device, or on none at all yet. */
export const isKnownDevice = async (tx: Transaction, accountId: string, deviceHash: string): Promise<boolean> => {
  const rows = await tx
    .selectFrom('known_device')
    .select('device_hash')
    .where('account_id', '=', accountId)
    .limit(maxDevices)
    .execute();
  return rows.length === 0 || rows.some((row) => row.device_hash === deviceHash);
};

export const rememberDevice = async (
  tx: Transaction,
  accountId: string,
  deviceHash: string,
  now: Date,
): Promise<void> => {
  await tx
    .insertInto('known_device')
    .values({ account_id: accountId, device_hash: deviceHash, last_seen_at: now })
    .onConflict((conflict) => conflict.columns(['account_id', 'device_hash']).doUpdateSet({ last_seen_at: now }))
    .execute();
  const forgotten = tx
    .selectFrom('known_device')
    .select('device_hash')
    .where('account_id', '=', accountId)
    .orderBy('last_seen_at', 'desc')
    .orderBy('device_hash')
    .offset(maxDevices);
  await tx
    .deleteFrom('known_device')
    .where('account_id', '=', accountId)
    .where('device_hash', 'in', forgotten)
    .execute();
};
