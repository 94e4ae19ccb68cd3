// The embedded transport: an event log on PostgreSQL with gap-free offsets, groups and leases. One database is its bottleneck and its single
// point of failure; in production the same interface is Kafka.
import { openPool } from '../db/connections.ts';
import { runMigrations } from '../db/migrate.ts';
import type { Now } from '../ids.ts';
import type { Logger } from '../telemetry/log.ts';
import { busMigrations } from './bus-migrations.ts';
import type { EventBus, Lag, Subscription } from './event-bus.ts';
import { partitionOf } from './partition.ts';
import { createPostgresSubscription } from './postgres-subscription.ts';
import { type Bell, wait } from './wait.ts';

export type PostgresBusOptions = {
  /** The database of the bus: one per region, not a service's own. */
  url: string;
  log: Logger;
  now: Now;
  /** Partitions of a topic created by this bus; an existing topic keeps its count. Default 4. */
  partitions?: number;
  pollMs?: number;
  /** How long a dead member keeps its partitions; default 10 000 ms. */
  leaseMs?: number;
  poolSize?: number;
};

/** Creates or updates the tables of the bus. */
export const migratePostgresBus = (options: { url: string; log: Logger }): Promise<void> =>
  runMigrations({ ...options, migrations: busMigrations, schema: 'bus' });

// Offsets are numbered under the topic's lock and only for events not stored yet, so they have no gaps and become visible in their order:
// a reader may use a plain cursor.
const append = `
  with input as (
    select * from unnest($2::int[], $3::text[], $4::text[], $5::text[]) with ordinality as t(part, event_id, key, payload, ord)
  ), fresh as (
    select distinct on (event_id) * from input
    where not exists (select 1 from bus.log where topic = $1 and log.event_id = input.event_id)
    order by event_id, ord
  ), numbered as (
    select *, row_number() over (partition by part order by ord) as nth from fresh
  ), head as (
    insert into bus.head (topic, part, next) select $1, part, count(*) from fresh group by part
    on conflict (topic, part) do update set next = bus.head.next + excluded.next
    returning part, next
  )
  insert into bus.log (topic, part, off, event_id, key, payload, at)
  select $1, part, head.next - (select count(*) from fresh f where f.part = head.part) + nth - 1, event_id, key, payload, $6
  from numbered join head using (part)`;

const lagQuery = `
  select o.topic, o.part, greatest(coalesce(h.next, 0) - o.off, 0) as records,
    (select l.at from bus.log l where l.topic = o.topic and l.part = o.part and l.off = o.off) as oldest
  from bus.group_offset o left join bus.head h on h.topic = o.topic and h.part = o.part
  where o.grp = $1 order by o.topic, o.part`;

/** An EventBus on the database at `url`, which `migratePostgresBus` has prepared. */
export const createPostgresBus = (options: PostgresBusOptions): EventBus => {
  const { log, now } = options;
  const partitions = options.partitions ?? 4;
  const timing = { pollMs: options.pollMs ?? 100, leaseMs: options.leaseMs ?? 10_000 };
  const pool = openPool({ url: options.url, log, poolSize: options.poolSize ?? 6, applicationName: 'event-bus' });

  let ended: Promise<void> | undefined;
  const bells = new Set<Bell>();
  const subscriptions = new Set<Subscription>();
  // What the database says about a topic never changes, so asking once is enough.
  const counts = new Map<string, Promise<number>>();
  const partitionsOf = (topic: string): Promise<number> => {
    const known = counts.get(topic);
    if (known) return known;
    const asked = (async () => {
      // Two statements: the second sees a topic that another process was creating during the first.
      await pool.query('insert into bus.topic (topic, partitions) values ($1, $2) on conflict do nothing', [
        topic,
        partitions,
      ]);
      const { rows } = await pool.query<{ partitions: number }>('select partitions from bus.topic where topic = $1', [
        topic,
      ]);
      const count = rows[0]?.partitions;
      if (count === undefined) throw new Error(`topic ${topic} cannot be created`);
      return count;
    })();
    counts.set(topic, asked);
    asked.catch(() => counts.delete(topic));
    return asked;
  };

  const bus: EventBus = {
    publish: async (records) => {
      const topics = [...new Set(records.map((record) => record.topic))].sort();
      const sizes = new Map(
        await Promise.all(topics.map(async (topic) => [topic, await partitionsOf(topic)] as const)),
      );
      const client = await pool.connect();
      let broken = true;
      try {
        await client.query('begin');
        for (const topic of topics) {
          const own = records.filter((record) => record.topic === topic);
          await client.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [topic]);
          await client.query(append, [
            topic,
            own.map((record) => partitionOf(record.key, sizes.get(topic) ?? partitions)),
            own.map((record) => record.eventId),
            own.map((record) => record.key),
            own.map((record) => record.payload),
            now(),
          ]);
        }
        await client.query('commit');
        broken = false;
      } finally {
        // A connection that failed half-way is closed, which rolls back.
        client.release(broken);
      }
      for (const bell of bells) bell.ring();
    },

    subscribe: async ({ group, topics, handler }) => {
      for (const topic of topics) {
        const count = await partitionsOf(topic);
        await pool.query(
          'insert into bus.group_offset (grp, topic, part, off) select $1, $2, part, 0 from generate_series(0, $3::int - 1) part on conflict do nothing',
          [group, topic, count],
        );
      }
      const { subscription, bell } = await createPostgresSubscription({ pool, log, group, topics, handler, ...timing });
      bells.add(bell);
      const owned: Subscription = {
        stop: async () => {
          bells.delete(bell);
          subscriptions.delete(owned);
          await subscription.stop();
        },
      };
      subscriptions.add(owned);
      return owned;
    },

    seekToBeginning: async (group) => {
      await pool.query('update bus.group_offset set off = 0 where grp = $1', [group]);
    },

    lag: async (group) => {
      const { rows } = await pool.query<{ topic: string; part: number; records: bigint; oldest: Date | null }>(
        lagQuery,
        [group],
      );
      return rows.map(
        (row): Lag => ({
          topic: row.topic,
          partition: row.part,
          records: row.records,
          oldest: row.oldest ?? undefined,
        }),
      );
    },

    health: async () => {
      await pool.query('select 1 from bus.topic limit 1');
    },

    close: async (deadlineMs) => {
      const stopped = Promise.all([...subscriptions].map((subscription) => subscription.stop()));
      const deadline = new AbortController();
      await Promise.race([stopped, wait(deadlineMs, deadline.signal)]);
      deadline.abort();
      ended ??= pool.end();
      await ended;
    },
  };
  return bus;
};
