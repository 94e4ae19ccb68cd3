// Keys of a token plan: issued when billing sells one, good while the plan is.
import type { issuePlanKey as issuePlanKeyEndpoint } from '@meridian/contracts/key-issuance.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Answer } from '@meridian/kit/http/route.ts';
import type { Schema } from '../db/schema.ts';
import type { Deps } from '../deps.ts';
import { writePlan } from '../gates/gate.store.ts';
import { type IssueDeps, issueKey } from './issue-key.ts';
import { audit } from './key-audit.store.ts';
import { viewOf } from './key-view.ts';

/** Until when the account's plan keys are good; null: no longer. Refuses with `account_cancelled` once fenced. */
export const setPlan = async (
  tx: Tx<Schema>,
  deps: Pick<Deps, 'now'>,
  { accountId, planUntil }: { accountId: string; planUntil: Date | null },
): Promise<void> => {
  await assertNotFenced(tx, accountId);
  await writePlan(tx, accountId, planUntil);
  await audit(tx, { at: deps.now(), account_id: accountId, key_id: null, actor: 'billing', action: 'plan' });
};

export const issuePlanKey = async (
  tx: Tx<Schema>,
  deps: IssueDeps,
  { accountId, name, planUntil }: { accountId: string; name: string; planUntil: Date },
): Promise<Answer<typeof issuePlanKeyEndpoint>> => {
  const now = deps.now();
  await setPlan(tx, deps, { accountId, planUntil });
  const { row, secret } = await issueKey(
    tx,
    deps,
    {
      accountId,
      name,
      project: 'default',
      product: 'plan',
      kind: 'standard',
      models: null,
      endpoints: null,
      networks: null,
      limits: { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null },
      expiresAt: null,
      actor: 'billing',
    },
    now,
  );
  return { status: 201, body: { key: viewOf(row, now), secret } };
};
