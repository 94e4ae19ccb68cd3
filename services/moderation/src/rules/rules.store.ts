import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import { nextRules, type Rule, type RuleSet } from './rule.ts';
import type { RulesFile } from './rules-file.ts';

type Reader = Tx<Schema> | Kysely<Schema>;

/** Version of the set in force; 0 before the first. */
export const findSetVersion = async (db: Reader): Promise<number> => {
  const row = await db
    .selectFrom('rule_set')
    .select(({ fn }) => fn.max('version').as('version'))
    .executeTakeFirst();
  return row?.version ?? 0;
};

/** The set of that version with its rules, read as one statement so that no half of a change is seen. */
export const findRuleSet = async (db: Reader, version: number): Promise<RuleSet | undefined> => {
  const rows = await db
    .selectFrom('rule_set')
    .leftJoin('rule_set_member', 'rule_set_member.set_version', 'rule_set.version')
    .leftJoin('rule', (join) =>
      join.onRef('rule.id', '=', 'rule_set_member.rule_id').onRef('rule.version', '=', 'rule_set_member.rule_version'),
    )
    .selectAll('rule')
    .select(['rule_set.policy'])
    .where('rule_set.version', '=', version)
    .orderBy('rule.id')
    .execute();
  const [first] = rows;
  if (!first) return undefined;
  const rules = rows.flatMap(({ policy: _, created_at: __, ...row }): Rule[] => (row.id === null ? [] : [row as Rule]));
  return { version, policy: first.policy, rules };
};

/** Rules by id and version, also of sets no longer in force: a hit may be some moments old. */
export const findRules = async (
  tx: Reader,
  wanted: readonly { ruleId: string; version: number }[],
): Promise<Rule[]> => {
  const ids = wanted.map(({ ruleId }) => ruleId);
  const versions = wanted.map(({ version }) => version);
  const { rows } = await sql<Rule>`
    select distinct r.id, r.version, r.pattern, r.category, r.severity, r.weight, r.mode, r.boundary
    from unnest(${ids}::text[], ${versions}::integer[]) as w (id, version) join rule r on r.id = w.id and r.version = w.version`.execute(
    tx,
  );
  return rows;
};

const newestVersions = async (tx: Tx<Schema>): Promise<Map<string, number>> => {
  const rows = await tx
    .selectFrom('rule')
    .select(({ fn }) => ['id', fn.max('version').as('version')])
    .groupBy('id')
    .execute();
  return new Map(rows.map(({ id, version }) => [id, version]));
};

/** Puts the rules of a file in force, as a new set if they differ from the one in force. Answers the version in force. */
export const activateRules = async (tx: Tx<Schema>, file: RulesFile, now: Date): Promise<number> => {
  // Replicas start at the same time: one of them writes, the others find it written.
  await sql`select pg_advisory_xact_lock(hashtextextended('moderation rule set', 0))`.execute(tx);
  const version = await findSetVersion(tx);
  const current = version === 0 ? undefined : await findRuleSet(tx, version);
  const newest = await newestVersions(tx);
  const rules = nextRules(file.rules, current?.rules ?? [], newest);
  const changed = rules.filter((rule) => rule.version > (newest.get(rule.id) ?? 0));
  const same =
    current !== undefined &&
    current.rules.length === rules.length &&
    rules.every((rule) => current.rules.some(({ id, version: v }) => id === rule.id && v === rule.version)) &&
    JSON.stringify(sorted(current.policy)) === JSON.stringify(sorted(file.policy));
  if (same) return version;
  if (changed.length > 0)
    await tx
      .insertInto('rule')
      .values(changed.map((rule) => ({ ...rule, created_at: now })))
      .execute();
  const set = await tx
    .insertInto('rule_set')
    .values({ policy: JSON.stringify(file.policy), activated_at: now })
    .returning('version')
    .executeTakeFirstOrThrow();
  if (rules.length > 0)
    await tx
      .insertInto('rule_set_member')
      .values(rules.map((rule) => ({ set_version: set.version, rule_id: rule.id, rule_version: rule.version })))
      .execute();
  return set.version;
};

// jsonb does not keep the order of members.
const sorted = ({ windows, ...rest }: RulesFile['policy']) => [
  Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)),
  windows.map(({ seconds, threshold }) => [seconds, threshold]),
];
