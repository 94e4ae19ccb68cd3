// The security log: who signed in, out, or was refused, kept for the period the profile names. No contact is ever in it.
import { addMonths } from '@meridian/kit/add-months.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { IdentitySchema } from '../db/schema.ts';
import type { Device } from '../sessions/device.ts';
import type { LogPlace } from './log-place.ts';

export type SecurityEvent = {
  readonly at: Date;
  readonly kind:
    | 'account_registered'
    | 'signed_in'
    | 'signed_out'
    | 'code_wrong'
    | 'refresh_reused'
    | 'session_replaced'
    | 'session_ended'
    | 'session_ended_by_staff'
    | 'password_wrong'
    | 'password_changed'
    | 'factor_wrong'
    | 'totp_on'
    | 'totp_off'
    | 'passkey_added'
    | 'passkey_removed'
    | 'contact_added'
    | 'contact_removed'
    | 'recovery_started'
    | 'recovery_approved'
    | 'recovery_refused'
    | 'recovery_stopped'
    | 'recovered'
    | 'phone_detached'
    | 'login_linked'
    | 'login_unlinked'
    | 'login_ending'
    | 'cancellation_requested'
    | 'account_cancelled';
  readonly accountId?: string;
  readonly sessionId?: string;
  /** Of the caller: /24 or /64, never the whole address. */
  readonly network?: string;
  /** How somebody signed in, or what changed, e.g. "phone_code". */
  readonly method?: string;
  readonly device?: Device;
};

export const appendSecurityLog = async (tx: Tx<IdentitySchema>, event: SecurityEvent): Promise<void> => {
  await tx
    .insertInto('security_log')
    .values({
      at: event.at,
      kind: event.kind,
      account_id: event.accountId ?? null,
      session_id: event.sessionId ?? null,
      network: event.network ?? null,
      method: event.method ?? null,
      device: event.device?.name ?? null,
      place: event.device?.place ?? null,
    })
    .execute();
};

export const securityLogOf = (
  db: Kysely<IdentitySchema>,
  accountId: string,
  { after, limit }: { after: LogPlace | undefined; limit: number },
) =>
  db
    .selectFrom('security_log')
    .select(['id', 'at', 'kind', 'method', 'device', 'place', 'network', 'session_id'])
    .where('account_id', '=', accountId)
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(at, id) < (${after?.at ?? new Date(0)}, ${after?.id ?? '0'}::bigint)`),
    )
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();

const credentialChanges: readonly SecurityEvent['kind'][] = [
  'password_changed',
  'totp_on',
  'totp_off',
  'passkey_added',
  'passkey_removed',
  'contact_added',
  'contact_removed',
  'phone_detached',
  'login_linked',
  'login_unlinked',
];

/** When the ways to sign in last changed: each change is logged in its own transaction. What the account began with is none. */
export const credentialsChangedAt = async (tx: Tx<IdentitySchema>, accountId: string): Promise<Date | null> => {
  const row = await tx
    .selectFrom('security_log')
    .innerJoin('account', 'account.id', 'security_log.account_id')
    .select((e) => e.fn.max('at').as('at'))
    .where('account.id', '=', accountId)
    .where('kind', 'in', credentialChanges)
    .whereRef('at', '>', 'account.created_at')
    .executeTakeFirst();
  return row?.at ?? null;
};

export const countSecurityLogOf = async (tx: Tx<IdentitySchema>, accountId: string): Promise<number> => {
  const row = await tx
    .selectFrom('security_log')
    .select((e) => e.fn.countAll<bigint>().as('count'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
};

/** Deletes what is older than its period, at most `limit` rows of each log; answers whether more may be left. The tables refuse any other deletion. */
export const deleteExpiredLogs = async (
  tx: Tx<IdentitySchema>,
  now: Date,
  months: number,
  limit = 5_000,
): Promise<boolean> => {
  let more = false;
  const before = addMonths(now, -months);
  await sql`select set_config('meridian.retention', 'expired', true)`.execute(tx);
  for (const table of ['security_log', 'staff_audit'] as const) {
    const old = (tx as unknown as Kysely<IdentitySchema>)
      .selectFrom(table)
      .select('id')
      .where('at', '<', before)
      .orderBy('at')
      .limit(limit)
      .forUpdate()
      .skipLocked();
    const { numDeletedRows } = await tx.deleteFrom(table).where('id', 'in', old).executeTakeFirst();
    more ||= numDeletedRows === BigInt(limit);
  }
  return more;
};
