// What the operator's provider says of a person, as roles of Meridian.
import { type StaffRole, staffRoles } from '@meridian/contracts/endpoint.ts';

/** Members of the claim that are roles here, in a fixed order; anything else in it means nothing. A single word counts as a list of one. */
export const rolesOf = (claim: unknown): StaffRole[] => {
  const words: unknown[] = Array.isArray(claim) ? claim : [claim];
  return staffRoles.filter((role) => words.includes(role));
};
