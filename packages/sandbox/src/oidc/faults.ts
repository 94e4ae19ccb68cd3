import { z } from 'zod';
import { commonFaults } from '../control/faults.ts';
import { createPart, type Part } from '../control/part.ts';
import { openidFaults } from './misbehaviour.ts';

const faults = z.strictObject({ ...commonFaults, ...openidFaults });
export type OidcFaults = z.infer<typeof faults>;
export type OidcPart = Part<OidcFaults>;
export const createOidcPart = (): OidcPart =>
  createPart<OidcFaults>('oidc', "The operator's OpenID provider for staff", faults);
