// Issue a key.

import { keyCreated } from '@meridian/contracts/events/keys.ts';
import { type createKey as createKeyEndpoint, type KeyProduct, tooManyKeys } from '@meridian/contracts/key-issuance.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Answer } from '@meridian/kit/http/route.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { countActiveForUpdate, insertKey } from './key.store.ts';
import { audit } from './key-audit.store.ts';
import { makeKey, type Peppers } from './key-format.ts';
import { viewOf } from './key-view.ts';

export type CreateKeyDeps = Deps & {
  readonly peppers: Peppers;
  readonly maxKeysPerAccount: number;
  /** Base URL that keys of the product work at. */
  readonly baseUrl: string;
};

/** Answers the secret, the only time it is ever seen. Refuses with `too_many_keys` and, once fenced, `account_cancelled`. */
export const createKey = async (
  tx: Tx<Schema>,
  deps: CreateKeyDeps,
  command: { accountId: string; name: string; product: KeyProduct },
): Promise<Answer<typeof createKeyEndpoint>> => {
  const { accountId, name, product } = command;
  await assertNotFenced(tx, accountId);
  if ((await countActiveForUpdate(tx, accountId)) >= deps.maxKeysPerAccount)
    fail(tooManyKeys, {
      detail: `At most ${deps.maxKeysPerAccount} keys may be active; revoke one that is not needed`,
    });
  const now = deps.now();
  const made = makeKey(deps.peppers, deps.region, product);
  const row = {
    key_id: newId('key', deps.region, now),
    account_id: accountId,
    name,
    display: made.display,
    product,
    digest: made.digest,
    pepper_version: made.pepperVersion,
    created_at: now,
    last_used_at: null,
    revoked_at: null,
    erased_at: null,
  };
  await insertKey(tx, row);
  await audit(tx, { at: now, account_id: accountId, key_id: row.key_id, actor: 'owner', action: 'create' });
  await deps.publish(tx, keyCreated, { accountId, data: { keyId: row.key_id, product } });
  return { status: 201, body: { key: viewOf(row), secret: made.key, baseUrl: deps.baseUrl } };
};
