// Issue a key of any kind: the part that all ways of creating one share.
import { keyCreated } from '@meridian/contracts/events/keys.ts';
import { type KeyProduct, type RateLimits, tooManyKeys } from '@meridian/contracts/key-issuance.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { countActiveForUpdate, insertKey, type KeyRow } from './key.store.ts';
import { audit } from './key-audit.store.ts';
import { makeKey, type Peppers } from './key-format.ts';
import { insertSecret } from './key-secret.store.ts';

export type IssueDeps = Deps & { readonly peppers: Peppers; readonly maxKeysPerAccount: number };

export type KeySpec = {
  readonly accountId: string;
  readonly name: string;
  readonly project: string;
  readonly product: KeyProduct;
  readonly kind: KeyRow['kind'];
  readonly models: string[] | null;
  readonly endpoints: string[] | null;
  /** In canonical form. */
  readonly networks: string[] | null;
  readonly limits: RateLimits;
  readonly expiresAt: Date | null;
  readonly actor: 'owner' | 'billing';
};

export const columnsOf = ({ requestsPerMinute, tokensPerMinute, tokensPerDay }: RateLimits) => ({
  requests_per_minute: requestsPerMinute,
  tokens_per_minute: tokensPerMinute === null ? null : BigInt(tokensPerMinute),
  tokens_per_day: tokensPerDay === null ? null : BigInt(tokensPerDay),
});

/** Answers the secret, the only time it is ever seen. Refuses with `too_many_keys` and, once fenced, `account_cancelled`. */
export const issueKey = async (
  tx: Tx<Schema>,
  deps: IssueDeps,
  spec: KeySpec,
  now: Date,
): Promise<{ row: KeyRow; secret: string }> => {
  const { accountId, product } = spec;
  await assertNotFenced(tx, accountId);
  if ((await countActiveForUpdate(tx, accountId, now)) >= deps.maxKeysPerAccount)
    fail(tooManyKeys, {
      detail: `At most ${deps.maxKeysPerAccount} keys may be active; revoke one that is not needed`,
    });
  const made = makeKey(deps.peppers, deps.region, product);
  const row: KeyRow = {
    key_id: newId('key', deps.region, now),
    account_id: accountId,
    name: spec.name,
    project: spec.project,
    display: made.display,
    product,
    kind: spec.kind,
    models: spec.models,
    endpoints: spec.endpoints,
    networks: spec.networks,
    ...columnsOf(spec.limits),
    created_at: now,
    expires_at: spec.expiresAt,
    rotated_at: null,
    previous_end_at: null,
    last_used_at: null,
    revoked_at: null,
    erased_at: null,
  };
  await insertKey(tx, row);
  await insertSecret(tx, row.key_id, made, now);
  await audit(tx, { at: now, account_id: accountId, key_id: row.key_id, actor: spec.actor, action: 'create' });
  await deps.publish(tx, keyCreated, { accountId, data: { keyId: row.key_id, product } });
  return { row, secret: made.key };
};
