// The life of API keys. Only ids.
import { z } from 'zod';
import { idOf } from '../common.ts';
import { event } from '../event.ts';

export const keyCreated = event({
  type: 'key-created.v1',
  publishers: ['key-issuance'],
  description: 'An API key was issued.',
  data: z.object({ keyId: idOf('key'), product: z.enum(['payg', 'plan']) }),
});

export const keyRevoked = event({
  type: 'key-revoked.v1',
  publishers: ['key-issuance'],
  description: 'An API key was revoked, by its owner or because it was found in public.',
  data: z.object({ keyId: idOf('key'), reason: z.enum(['owner', 'leaked']).optional().describe('Absent: owner') }),
});

export const events = [keyCreated, keyRevoked] as const;
