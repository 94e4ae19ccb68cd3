// Terms that are accepted with the first factor of a sign-in count once it is complete.
import { statements } from '@meridian/kit/db/statements.ts';

export const acceptedTerms = statements(['alter table pending_sign_in add column accepted_terms text']);
