// Use case: a service has erased its data. When the last of the others has, identity erases its own and closes the saga.
import { randomUUID } from 'node:crypto';
import { accountErased, type RetainedClass } from '@meridian/contracts/events/lifecycle.ts';
import { writeTombstone } from '@meridian/kit/account/tombstone.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { newTimelessId } from '@meridian/kit/ids.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { lockSaga, markErased, setErased, stepsOf } from './cancellation.store.ts';
import { othersErased, type Participant } from './cancellation.ts';
import { eraseIdentity } from './erase-identity.ts';

export type ServiceErased = {
  readonly sagaId: string;
  readonly accountId: string;
  readonly service: Participant;
  readonly erased: Record<string, number>;
  readonly retained: readonly RetainedClass[];
  readonly causationId: string;
};

/** The tombstone names the account: no saga, moment or counts in it that the receipt, which lies beside it for good, could be found by. */
const entomb = (tx: Tx<IdentitySchema>, { region, now }: Pick<IdentityDeps, 'region' | 'now'>, accountId: string) =>
  writeTombstone(tx, {
    accountId,
    sagaId: newTimelessId('sag', region.id),
    erasedAt: new Date(now().toISOString().slice(0, 10)),
    receipt: { erased: {}, retained: [] },
  });

/** Idempotent. Answers of a service about another account than the saga's, or before all fences stand, change nothing. */
export const recordErasure = async (
  tx: Tx<IdentitySchema>,
  deps: Pick<IdentityDeps, 'region' | 'now' | 'publish' | 'log' | 'vault' | 'loginSecrets'>,
  { sagaId, accountId, service, erased, retained, causationId }: ServiceErased,
): Promise<void> => {
  const now = deps.now();
  const saga = await lockSaga(tx, sagaId);
  if (saga?.status !== 'cancelled' || saga.accountId !== accountId) {
    if (saga?.status !== 'erased')
      deps.log.warn({ sagaId, participant: service }, 'an erasure was reported that nobody had asked for');
    return;
  }
  await markErased(tx, sagaId, { service, erased, retained, now });
  if (!othersErased(await stepsOf(tx, sagaId))) return;

  const own = await eraseIdentity(tx, deps, accountId);
  await markErased(tx, sagaId, { service: 'identity', ...own, now });
  await setErased(tx, sagaId, `sub_${randomUUID()}`, now);
  await entomb(tx, deps, accountId);
  await deps.publish(tx, accountErased, { accountId, data: { sagaId, service: 'identity', ...own }, causationId });
};
