// Use case: a person proven by the provider gets their id here, and the sign-in its line in the audit.
import type { StaffRole } from '@meridian/contracts/endpoint.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Now, newId } from '@meridian/kit/ids.ts';
import type { IdentitySchema } from '../db/schema.ts';
import { appendStaffAudit, staffIdOf } from './staff.store.ts';
import type { ProvenPerson } from './staff-provider.ts';

export const finishSignIn = async (
  tx: Tx<IdentitySchema>,
  deps: { region: string; now: Now },
  command: { person: Pick<ProvenPerson, 'issuer' | 'subject'>; roles: readonly StaffRole[]; network: string },
): Promise<string> => {
  const now = deps.now();
  const { issuer, subject } = command.person;
  const staffId = await staffIdOf(tx, { newId: newId('stf', deps.region, now), issuer, subject, now });
  await appendStaffAudit(tx, { at: now, staffId, roles: command.roles, network: command.network });
  return staffId;
};
