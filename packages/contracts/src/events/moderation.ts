// Automatic protection of accounts. Never the text, never the matched word.
import { z } from 'zod';
import { idOf, timestamp } from '../common.ts';
import { event } from '../event.ts';

export const accountProtected = event({
  type: 'account-protected.v1',
  publishers: ['moderation'],
  description: 'The account is under protection until the named time, with an open case.',
  data: z.object({ protectionId: idOf('prt'), caseId: idOf('cas'), until: timestamp }),
});

export const protectionLifted = event({
  type: 'protection-lifted.v1',
  publishers: ['moderation'],
  description: 'That protection is over, by decision of a person or by its end time.',
  data: z.object({ protectionId: idOf('prt'), caseId: idOf('cas'), reason: z.enum(['overturned', 'expired']) }),
});

export const events = [accountProtected, protectionLifted] as const;
