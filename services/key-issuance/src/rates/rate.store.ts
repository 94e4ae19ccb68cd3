// SQL of counters: many calls in one statement, and the correction of what a call reserved.
import type { RateWindow } from '@meridian/contracts/key-issuance.ts';
import { affected } from '@meridian/kit/db/affected.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Kysely, sql } from 'kysely';
import type { Schema } from '../db/schema.ts';
import { dayOf, minuteOf, type RateSubject, startOfMinute, windowsOf } from './rate.ts';

export type RateQuestion = {
  /** One or two. */
  readonly subjects: readonly RateSubject[];
  readonly tokens: number;
};

export type RateAnswer = {
  /** The window without room for this call; undefined: the call is counted in all of them. */
  readonly exceeded: RateWindow | undefined;
  /** All windows of the call, as they are after its batch. */
  readonly windows: readonly RateWindow[];
  /** Start of the minute in which the call is counted in all of its windows. */
  readonly at: Date;
};

type Counters = {
  verdicts: number[];
  minutes: string[];
  requests: string[];
  tokens: string[];
  days: string[];
  day_tokens: string[];
  counted: string[];
};

const kinds = ['requests_per_minute', 'tokens_per_minute', 'tokens_per_day'] as const;

/** Takes each call from its counters, in the order given, exactly: each in all of its windows or in none. */
export const takeRates = async (
  db: Kysely<Schema>,
  questions: readonly RateQuestion[],
  now: Date,
): Promise<RateAnswer[]> => {
  // The same order on every replica; of two limits of one subject the later read counts.
  const byId = new Map(questions.flatMap(({ subjects }) => subjects.map((subject) => [subject.id, subject])));
  const subjects = [...byId.keys()].sort().map((id) => byId.get(id) as RateSubject);
  const places = new Map(subjects.map(({ id }, i) => [id, i + 1]));
  const placesOf = (nth: 0 | 1) => questions.map((question) => places.get(question.subjects[nth]?.id ?? '') ?? 0);
  const limitsOf = (kind: 'requestsPerMinute' | 'tokensPerMinute' | 'tokensPerDay') =>
    subjects.map(({ limits }) => limits[kind]);
  const { rows } = await sql<Counters>`/* statement: take-rates */
    select verdicts, minutes, requests, tokens, days, day_tokens, counted from take_rates(
      ${subjects.map(({ id }) => id)}::text[], ${limitsOf('requestsPerMinute')}::bigint[],
      ${limitsOf('tokensPerMinute')}::bigint[], ${limitsOf('tokensPerDay')}::bigint[],
      ${placesOf(0)}::integer[], ${placesOf(1)}::integer[], ${questions.map(({ tokens }) => tokens)}::bigint[],
      ${minuteOf(now)}::bigint, ${dayOf(now)}::bigint)`.execute(db);
  const [counters] = rows;
  if (counters === undefined) throw new Error('take_rates answered nothing');
  const windows = subjects.map((subject, i) =>
    windowsOf(subject, {
      minute: Number(counters.minutes[i]),
      requests: Number(counters.requests[i]),
      tokens: Number(counters.tokens[i]),
      day: Number(counters.days[i]),
      dayTokens: Number(counters.day_tokens[i]),
    }),
  );
  return questions.map((question, i) => {
    const verdict = counters.verdicts[i] ?? 0;
    const kind = kinds[(verdict % 4) - 1];
    return {
      at: startOfMinute(Number(counters.counted[i])),
      windows: question.subjects.flatMap(({ id }) => windows[(places.get(id) ?? 0) - 1] ?? []),
      exceeded: kind && windows[Math.floor(verdict / 4) - 1]?.find((window) => window.kind === kind),
    };
  });
};

export type Correction = {
  readonly requestId: string;
  readonly subjects: readonly string[];
  readonly reservedAt: Date;
  /** Used less reserved. */
  readonly difference: number;
};

/** Adds the difference to the windows that were reserved in, as far as they are still the present ones; once per request id. */
export const correctTokens = async (db: Kysely<Schema>, correction: Correction, now: Date): Promise<void> => {
  const { requestId, subjects, reservedAt, difference } = correction;
  await sql`
    with fresh as (
      insert into usage_report (request_id, reported_at) values (${requestId}, ${now})
      on conflict do nothing returning request_id
    ), held as (
      select subject from rate_window
      where subject = any(${[...subjects]}::text[]) and exists (select from fresh) order by subject for update
    )
    update rate_window w set
      tokens = case minute when ${minuteOf(reservedAt)} then greatest(0, tokens + ${difference}) else tokens end,
      day_tokens = case day when ${dayOf(reservedAt)} then greatest(0, day_tokens + ${difference}) else day_tokens end
    from held where w.subject = held.subject`.execute(db);
};

/** Deletes at most `limit` counters idle since yesterday; answers how many. */
export const pruneWindows = (db: Kysely<Schema>, now: Date, limit: number): Promise<number> =>
  affected(
    sql`delete from rate_window where ctid = any(array(
      select ctid from rate_window where day < ${dayOf(now) - 1} limit ${limit} for update skip locked))`.execute(db),
  );

/** Deletes at most `limit` reports older than `before`; answers how many. */
export const pruneReports = (db: Kysely<Schema>, before: Date, limit: number): Promise<number> =>
  affected(
    sql`delete from usage_report where ctid = any(array(
      select ctid from usage_report where reported_at < ${before} limit ${limit} for update skip locked))`.execute(db),
  );

/** Deletes the counters of an erased account; they carry its id. */
export const eraseRates = async (db: Tx<Schema>, accountId: string): Promise<void> => {
  await sql`delete from rate_window
    where starts_with(subject, ${`a:${accountId}:`})
      or subject in (select 'k:' || key_id from api_key where account_id = ${accountId})`.execute(db);
};
