// What other services tell a cancellation.
import { accountErased } from '@meridian/contracts/events/lifecycle.ts';
import { type Reaction, reaction } from '@meridian/kit/events/reaction.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { participants } from './cancellation.ts';
import { recordErasure } from './record-erasure.ts';

export const cancellationReactions = (deps: IdentityDeps): Reaction<IdentitySchema>[] => [
  reaction<IdentitySchema, typeof accountErased>(
    accountErased,
    async (tx, { id, accountId, service: publisher, data }) => {
      const service = participants.find((name) => name === data.service);
      // A service speaks for itself only.
      if (service === undefined || service === 'identity' || service !== publisher) return;
      await recordErasure(tx, deps, { ...data, service, accountId, causationId: id });
    },
    { lifecycle: true },
  ),
];
