// Every migration of identity, in order. Names never change once released.
import type { Migration } from 'kysely/migration';
import { identityTables } from './db/migrations/0001-identity.ts';
import { sessionColumns } from './db/migrations/0002-sessions.ts';
import { factorTables } from './db/migrations/0003-factors.ts';
import { passkeyTables } from './db/migrations/0004-passkeys.ts';
import { linkedLoginTables } from './db/migrations/0005-linked-logins.ts';
import { recoveryTables } from './db/migrations/0006-recovery.ts';
import { staffTables } from './db/migrations/0007-staff.ts';
import { acceptedTerms } from './db/migrations/0008-accepted-terms.ts';

export const migrations: Record<string, Migration> = {
  '0001-identity': identityTables,
  '0002-sessions': sessionColumns,
  '0003-factors': factorTables,
  '0004-passkeys': passkeyTables,
  '0005-linked-logins': linkedLoginTables,
  '0006-recovery': recoveryTables,
  '0007-staff': staffTables,
  '0008-accepted-terms': acceptedTerms,
};
