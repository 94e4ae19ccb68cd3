// What a verification reads: secrets, their keys, the gates of their accounts and the position of changes in one statement, so that all of it
// is of one moment.
import type { KeyProduct } from '@meridian/contracts/key-issuance.ts';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { KeyFacts } from './key.ts';

type FactsRow = {
  digest: string;
  key_id: string;
  account_id: string | null;
  product: KeyProduct;
  models: string[] | null;
  endpoints: string[] | null;
  networks: string[] | null;
  requests_per_minute: number | null;
  tokens_per_minute: bigint | null;
  tokens_per_day: bigint | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  ends_at: Date | null;
  cancelled_at: Date | null;
  exhausted_at: Date | null;
  plan_until: Date | null;
  frozen: boolean;
  case_id: string | null;
  until: Date | null;
  position: string;
};

const numberOrNull = (value: bigint | null) => (value === null ? null : Number(value));

/** By digest in hex. */
export const findFacts = async (
  db: Kysely<Schema>,
  digests: readonly Buffer[],
  now: Date,
): Promise<Map<string, KeyFacts>> => {
  const { rows } = await sql<FactsRow>`/* statement: key-facts */
    select encode(s.digest, 'hex') as digest, s.ends_at, coalesce(k.revoked_at, s.revoked_at) as revoked_at, k.key_id, k.account_id, k.product,
      k.models, k.endpoints, k.networks, k.requests_per_minute, k.tokens_per_minute, k.tokens_per_day, k.expires_at,
      g.cancelled_at, g.exhausted_at, g.plan_until, p.case_id, p.until,
      (select position::text from key_change_head) as position, f.frozen is not null as frozen
    from api_key_secret s
    join api_key k on k.key_id = s.key_id
    left join account_gate g on g.account_id = k.account_id
    left join lateral (
      select case_id, until from account_protection
      where account_id = k.account_id and lifted_at is null and until > ${now} order by until desc limit 1
    ) p on true
    left join lateral (
      select true as frozen from account_freeze where account_id = k.account_id and lifted_at is null limit 1
    ) f on true
    where s.digest = any(${[...digests]}::bytea[])`.execute(db);
  return new Map(rows.map((row) => [row.digest, factsOf(row)]));
};

const factsOf = (row: FactsRow): KeyFacts => ({
  keyId: row.key_id,
  accountId: row.account_id,
  product: row.product,
  models: row.models,
  endpoints: row.endpoints,
  networks: row.networks,
  limits: {
    requestsPerMinute: row.requests_per_minute,
    tokensPerMinute: numberOrNull(row.tokens_per_minute),
    tokensPerDay: numberOrNull(row.tokens_per_day),
  },
  revokedAt: row.revoked_at,
  secretEndsAt: row.ends_at,
  expiresAt: row.expires_at,
  cancelledAt: row.cancelled_at,
  exhaustedAt: row.exhausted_at,
  planUntil: row.plan_until,
  frozen: row.frozen,
  position: row.position,
  protection: row.case_id !== null && row.until !== null ? { caseId: row.case_id, until: row.until } : null,
});
