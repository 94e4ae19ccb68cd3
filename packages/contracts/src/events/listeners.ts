// Who reacts to whose events: each service reads these topics, and the broker lets it read no others.
import type { ServiceName } from '../endpoint.ts';

export const listensTo = {
  identity: ['verification', 'billing', 'key-issuance', 'moderation'],
  verification: ['identity'],
  billing: ['identity', 'verification'],
  'key-issuance': ['identity', 'billing', 'moderation'],
  moderation: ['identity'],
  gateway: [],
} as const satisfies Readonly<Record<ServiceName, readonly ServiceName[]>>;
