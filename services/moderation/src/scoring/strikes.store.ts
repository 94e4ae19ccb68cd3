import type { Hit } from '@meridian/contracts/moderation.ts';
import { affected } from '@meridian/kit/db/affected.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import type { Policy, Rule } from '../rules/rule.ts';

/** A context sent again within this time is no new evidence. */
const countedMs = 86_400_000;

/** Marks fingerprints as counted now; answers those that had not counted within the last 24 hours. */
export const takeFresh = async (
  tx: Tx<Schema>,
  accountId: string,
  fingerprints: readonly string[],
  now: Date,
): Promise<Set<string>> => {
  const { rows } = await sql<{ fingerprint: string }>`
    insert into counted_fingerprint (account_id, fingerprint, counted_at)
    select ${accountId}, f, ${now}::timestamptz from unnest(${[...fingerprints].sort()}::text[]) f
    on conflict (account_id, fingerprint) do update set counted_at = excluded.counted_at
      where counted_fingerprint.counted_at <= ${new Date(now.getTime() - countedMs)}
    returning fingerprint`.execute(tx);
  return new Set(rows.map(({ fingerprint }) => fingerprint));
};

/** Rules, as `id|version`, that a person has decided not to hold against the account for now. */
export const findOverrides = async (tx: Tx<Schema>, accountId: string, now: Date): Promise<Set<string>> => {
  const rows = await tx
    .selectFrom('rule_override')
    .select(['rule_id', 'rule_version'])
    .where('account_id', '=', accountId)
    .where('expires_at', '>', now)
    .execute();
  return new Set(rows.map(({ rule_id, rule_version }) => `${rule_id}|${rule_version}`));
};

export const insertStrikes = async (
  tx: Tx<Schema>,
  common: { accountId: string; requestId: string; now: Date },
  strikes: readonly { hit: Hit; rule: Rule; counts: boolean }[],
): Promise<void> => {
  if (strikes.length === 0) return;
  await tx
    .insertInto('strike')
    .values(
      strikes.map(({ hit, rule, counts }) => ({
        account_id: common.accountId,
        request_id: common.requestId,
        fingerprint: hit.fingerprint,
        rule_id: rule.id,
        rule_version: rule.version,
        weight: rule.weight,
        counts,
        counted_at: common.now,
        case_id: null,
      })),
    )
    .execute();
};

/** The account's sum of weights within each window of the policy. */
export const sumWindows = async (
  tx: Tx<Schema>,
  accountId: string,
  windows: Policy['windows'],
  now: Date,
): Promise<number[]> => {
  const froms = windows.map(({ seconds }) => new Date(now.getTime() - seconds * 1_000));
  const { rows } = await sql<{ sum: bigint }>`
    select coalesce(sum(s.weight), 0)::bigint as sum
    from unnest(${froms}::timestamptz[]) with ordinality as w (begins, position)
    left join strike s on s.account_id = ${accountId} and s.counts and s.case_id is null and s.counted_at > w.begins
    group by w.position order by w.position`.execute(tx);
  return rows.map(({ sum }) => Number(sum));
};

/** Deletes at most `limit` strikes that are too old to count, oldest first; answers how many. Strikes of a case go with their time too. */
export const deleteOldStrikes = (db: Kysely<Schema>, before: Date, limit: number): Promise<number> =>
  affected(
    sql`delete from strike where id in (
    select id from strike where counted_at < ${before} order by counted_at limit ${limit})`.execute(db),
  );

/** Deletes at most `limit` fingerprints that are too old to count; answers how many. */
export const deleteOldFingerprints = (db: Kysely<Schema>, before: Date, limit: number): Promise<number> =>
  affected(
    sql`delete from counted_fingerprint where ctid in (
    select ctid from counted_fingerprint where counted_at < ${before} limit ${limit})`.execute(db),
  );
