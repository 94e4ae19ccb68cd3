import { z } from 'zod';
import { commonFaults, times } from '../../control/faults.ts';
import { createPart, type Part } from '../../control/part.ts';
import { openidFaults } from '../../oidc/misbehaviour.ts';

const faults = z.strictObject({
  ...commonFaults,
  ...openidFaults,
  /** An OAuth error word from the token endpoint. */
  tokenError: z.strictObject({ error: z.string().max(60), times }).optional(),
  email: z.enum(['absent', 'private_relay', 'not_verified']).optional(),
  /** email_verified and is_private_email as strings or as booleans. */
  claimForm: z.enum(['string', 'boolean']).optional(),
  /** The unsigned `user` of the form names this address, as somebody who tampers with it would. */
  forgedUserEmail: z.email().optional(),
});
export type AppleFaults = z.infer<typeof faults>;
export type ApplePart = Part<AppleFaults>;
export const createApplePart = (): ApplePart => createPart<AppleFaults>('apple', 'Sign in with Apple', faults);
