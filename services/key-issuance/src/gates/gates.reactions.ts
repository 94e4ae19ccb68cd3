// What other services' events mean for the gate.
import {
  accountFrozen,
  accountUnfrozen,
  balanceExhausted,
  balanceRestored,
} from '@meridian/contracts/events/billing.ts';
import { accountCancelled } from '@meridian/contracts/events/lifecycle.ts';
import { accountProtected, protectionLifted } from '@meridian/contracts/events/moderation.ts';
import { eraseOnRequest } from '@meridian/kit/account/erasure.ts';
import type { PublishDeps } from '@meridian/kit/events/publish.ts';
import { type Reaction, reaction } from '@meridian/kit/events/reaction.ts';
import type { Schema } from '../db/schema.ts';
import { type AuditRetention, eraseAccount } from './erase-account.ts';
import { fenceKeys } from './fence-keys.ts';
import { freezeAccount, unfreezeAccount } from './freeze-account.ts';
import { noteExhausted, noteRestored } from './note-balance.ts';
import { liftProtection, protectAccount } from './protect-account.ts';

export const gateReactions = (deps: PublishDeps & { readonly auditRetention: AuditRetention }): Reaction<Schema>[] => [
  reaction(accountProtected, (tx, { accountId, data }) =>
    protectAccount(tx, deps, { ...data, accountId, until: new Date(data.until) }),
  ),
  reaction(protectionLifted, (tx, { accountId, data }) =>
    liftProtection(tx, deps, { accountId, protectionId: data.protectionId }),
  ),
  reaction(accountFrozen, (tx, { accountId, data }) => freezeAccount(tx, deps, { accountId, ...data })),
  reaction(accountUnfrozen, (tx, { accountId, data }) => unfreezeAccount(tx, deps, { accountId, ...data })),
  reaction(balanceExhausted, (tx, { accountId }) => noteExhausted(tx, deps, { accountId })),
  reaction(balanceRestored, (tx, { accountId }) => noteRestored(tx, deps, { accountId })),
  // The fence was asked for directly and has been acknowledged; this closes the gate again where a restored backup lost it.
  reaction(
    accountCancelled,
    async (tx, { accountId, data }) => void (await fenceKeys(tx, deps, { accountId, sagaId: data.sagaId })),
    { lifecycle: true },
  ),
  eraseOnRequest(deps, { erase: (tx, accountId) => eraseAccount(tx, deps, accountId) }),
];
