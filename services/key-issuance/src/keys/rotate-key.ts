// Give a key a new secret under the same id. Old secrets end at once or after a grace.
import { notFound } from '@meridian/contracts/common.ts';
import { keyNotActive, type rotateKey as rotateKeyEndpoint, tooManySecrets } from '@meridian/contracts/key-issuance.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Answer } from '@meridian/kit/http/route.ts';
import { recordChange } from '../changes/key-change.store.ts';
import type { Schema } from '../db/schema.ts';
import type { CreateKeyDeps } from './create-key.ts';
import { changeKey, findKeyForUpdate } from './key.store.ts';
import { audit } from './key-audit.store.ts';
import { makeKey } from './key-format.ts';
import { countWorkingSecrets, endSecrets, insertSecret, revokeSecrets } from './key-secret.store.ts';
import { isActive, viewOf } from './key-view.ts';

/** Secrets of one key that may work side by side while graces run. */
const maxSecrets = 5;

/** With a grace of 0 old secrets are dead from the commit on, whatever any clock says; a grace never prolongs an earlier one. */
export const rotateKey = async (
  tx: Tx<Schema>,
  deps: CreateKeyDeps,
  command: { accountId: string; keyId: string; graceSeconds: number },
): Promise<Answer<typeof rotateKeyEndpoint>> => {
  const { accountId, keyId, graceSeconds } = command;
  await assertNotFenced(tx, accountId);
  const now = deps.now();
  const row = await findKeyForUpdate(tx, accountId, keyId);
  if (row === undefined)
    return fail(notFound, { detail: 'The account has no such key; list its keys to see their ids' });
  if (!isActive(row, now)) return fail(keyNotActive, { detail: 'The key no longer works; create another' });
  const end = new Date(now.getTime() + graceSeconds * 1_000);
  if (graceSeconds === 0) await revokeSecrets(tx, keyId, now);
  else if ((await countWorkingSecrets(tx, keyId, now)) >= maxSecrets)
    fail(tooManySecrets, {
      detail: `At most ${maxSecrets} secrets of a key may work side by side; wait until one ends, or rotate with graceSeconds 0`,
    });
  else await endSecrets(tx, keyId, end);
  const made = makeKey(deps.peppers, deps.region, row.product);
  await insertSecret(tx, keyId, made, now);
  const changed = await changeKey(tx, keyId, {
    display: made.display,
    rotated_at: now,
    // No older secret ends later: each was to end by then or was cut short to it.
    previous_end_at: graceSeconds === 0 ? null : end,
  });
  await audit(tx, { at: now, account_id: accountId, key_id: keyId, actor: 'owner', action: 'rotate' });
  if (graceSeconds === 0) await recordChange(tx, { accountId, keyId, reason: 'rotated', now });
  return { status: 201, body: { key: viewOf(changed, now), secret: made.key, baseUrl: deps.baseUrls[row.product] } };
};
