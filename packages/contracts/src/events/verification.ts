// Real-name decisions. Only the account and the kind; never a name or a number.
import { z } from 'zod';
import { event } from '../event.ts';

export const verificationApproved = event({
  type: 'verification-approved.v1',
  publishers: ['verification'],
  description: 'The account is real-name verified for the first time.',
  data: z.object({ kind: z.enum(['personal', 'enterprise']) }),
});

export const verificationUpgraded = event({
  type: 'verification-upgraded.v1',
  publishers: ['verification'],
  description: 'A personal verification became an enterprise one; there is no way back.',
  data: z.object({ kind: z.literal('enterprise') }),
});

export const events = [verificationApproved, verificationUpgraded] as const;
