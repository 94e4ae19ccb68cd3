// Change what an owner may change of a key. It counts from the commit on: nothing about a key is cached.
import { notFound } from '@meridian/contracts/common.ts';
import { expiryFixed, keyNotActive, type updateKey as updateKeyEndpoint } from '@meridian/contracts/key-issuance.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { z } from 'zod';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { columnsOf } from './issue-key.ts';
import { changeKey, findKeyForUpdate, type KeyChanges, type KeyRow } from './key.store.ts';
import { audit } from './key-audit.store.ts';
import { canonicalNetworks, expiryAhead, uniqueOrNull } from './key-scope.ts';
import { isActive } from './key-view.ts';

type Body = z.output<(typeof updateKeyEndpoint)['body']>;

const changesOf = (body: Body, now: Date): KeyChanges => ({
  ...(body.name !== undefined && { name: body.name }),
  ...(body.project !== undefined && { project: body.project }),
  ...(body.models !== undefined && { models: uniqueOrNull(body.models) }),
  ...(body.endpoints !== undefined && { endpoints: uniqueOrNull(body.endpoints) }),
  ...(body.networks !== undefined && { networks: canonicalNetworks(body.networks) }),
  ...(body.limits !== undefined && columnsOf(body.limits)),
  ...(body.expiresAt !== undefined && { expires_at: expiryAhead(body.expiresAt, now) }),
});

/** Refuses a key that is revoked or expired: a dead key stays dead. The expiry of a temporary key cannot be moved, nor its models set free. */
export const updateKey = async (
  tx: Tx<Schema>,
  deps: Deps,
  command: { accountId: string; keyId: string; body: Body },
): Promise<KeyRow> => {
  const { accountId, keyId, body } = command;
  await assertNotFenced(tx, accountId);
  const now = deps.now();
  const row = await findKeyForUpdate(tx, accountId, keyId);
  if (row === undefined)
    return fail(notFound, { detail: 'The account has no such key; list its keys to see their ids' });
  if (!isActive(row, now)) return fail(keyNotActive, { detail: 'The key no longer works; create another' });
  if (row.kind === 'temporary' && (body.expiresAt !== undefined || body.models === null))
    return fail(expiryFixed, { detail: 'A temporary key keeps its end and stays bound to models; create another key' });
  const changes = changesOf(body, now);
  if (Object.keys(changes).length === 0) return row;
  await audit(tx, { at: now, account_id: accountId, key_id: keyId, actor: 'owner', action: 'update' });
  return changeKey(tx, keyId, changes);
};
