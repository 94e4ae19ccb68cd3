// The fence: request/reply between identity's cancellation and every service that holds writes of an account.
import { z } from 'zod';
import { accountId, regionMismatch, timestamp } from './common.ts';
import { endpoint, type ServiceName } from './endpoint.ts';
import { sagaId } from './events/lifecycle.ts';

const fenceOf = <const S extends ServiceName>(service: S) =>
  endpoint({
    id: `fenceAccount.${service}`,
    service,
    method: 'POST',
    path: '/internal/v1/fences',
    summary: 'Fence an account before its cancellation',
    description:
      'Commits one row that every writing use case of the account checks in its own transaction. Idempotent by saga id. Answered only when committed: whatever starts after the answer is refused.',
    auth: { kind: 'service', callers: ['identity'] },
    body: z.strictObject({ sagaId, accountId }),
    answers: { 200: z.strictObject({ accountId, sagaId, fencedAt: timestamp }) },
    problems: [regionMismatch],
  });

export const fenceVerification = fenceOf('verification');
export const fenceBilling = fenceOf('billing');
export const fenceKeyIssuance = fenceOf('key-issuance');
export const fenceModeration = fenceOf('moderation');
