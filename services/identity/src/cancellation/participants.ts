// Calls to the services that take part in a cancellation.
import { getBillingStanding } from '@meridian/contracts/billing.ts';
import { fenceBilling, fenceKeyIssuance, fenceModeration, fenceVerification } from '@meridian/contracts/fence.ts';
import { getKeyStanding } from '@meridian/contracts/key-issuance.ts';
import { getModerationStanding } from '@meridian/contracts/moderation.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import type { Participant, Standing } from './cancellation.ts';

export type OtherParticipant = Exclude<Participant, 'identity'>;
/** Origin of the internal listener of each. */
export type Addresses = Readonly<Record<OtherParticipant, string>>;
type Deps = { readonly call: Core['call']; readonly addresses: Addresses };

const fences = {
  'key-issuance': fenceKeyIssuance,
  billing: fenceBilling,
  verification: fenceVerification,
  moderation: fenceModeration,
} as const;

/** Asks one service for its fence; resolves when it is committed there. Idempotent by saga id. */
export const askForFence = async (
  { call, addresses }: Deps,
  service: OtherParticipant,
  { sagaId, accountId, timeoutMs }: { sagaId: string; accountId: string; timeoutMs: number },
): Promise<void> => {
  await call(fences[service], { baseUrl: addresses[service], body: { sagaId, accountId }, timeoutMs });
};

const standingMs = 3_000;

/** What the account would lose, asked of those who know. Fails when one of them cannot be reached: nobody may consent to a guess. */
export const askForStanding = async ({ call, addresses }: Deps, accountId: string): Promise<Standing> => {
  const options = (service: OtherParticipant) => ({
    baseUrl: addresses[service],
    params: { accountId },
    timeoutMs: standingMs,
  });
  const [billing, keys, moderation] = await Promise.all([
    call(getBillingStanding, options('billing')),
    call(getKeyStanding, options('key-issuance')),
    call(getModerationStanding, options('moderation')),
  ]);
  const { available, held, currency } = billing.body;
  return {
    balance: { available, held, currency },
    activeKeys: keys.body.activeKeys,
    openCase: moderation.body.openCase,
  };
};
