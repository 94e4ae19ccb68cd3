// Which member of a group handles which partition. Times are the database's, so that clocks of machines do not matter.
import type pg from 'pg';

export type Partition = { readonly topic: string; readonly part: number };
export const partitionName = ({ topic, part }: Partition): string => `${topic}/${part}`;

type Who = { group: string; topics: readonly string[]; owner: string; leaseMs: number };

const join = `
  insert into bus.member (grp, topic, owner, until)
  select $1, topic, $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000) from unnest($2::text[]) topic
  on conflict (grp, topic, owner) do update set until = excluded.until`;
const renew = `
  update bus.lease set until = clock_timestamp() + make_interval(secs => $4::float8 / 1000)
  where grp = $1 and topic = any($2) and owner = $3`;

// A member may hold ceil(partitions / live members); whatever is free or expired is taken up to that share.
const share = `
  select o.topic, ceil(count(distinct o.part)::numeric / greatest(count(distinct m.owner), 1))::int as most
  from bus.group_offset o join bus.member m on m.grp = o.grp and m.topic = o.topic and m.until > clock_timestamp()
  where o.grp = $1 and o.topic = any($2) group by o.topic`;
const take = `
  insert into bus.lease (grp, topic, part, owner, until)
  select o.grp, o.topic, o.part, $3, clock_timestamp() + make_interval(secs => $4::float8 / 1000)
  from bus.group_offset o left join bus.lease l on l.grp = o.grp and l.topic = o.topic and l.part = o.part
  where o.grp = $1 and o.topic = $2 and (l.owner is null or l.until < clock_timestamp())
  order by o.part limit $5
  on conflict (grp, topic, part) do update set owner = excluded.owner, until = excluded.until
  where bus.lease.until < clock_timestamp()`;

/** `surplus`: above the share but busy; to be given up when idle. */
export type Balance = { held: Partition[]; surplus: Partition[] };

/**
 * Renews what `owner` holds, takes its share of what is free and gives up what is above it unless `busy`.
 * One transaction under the group's lock; returns the partitions now held.
 */
export const balance = async (pool: pg.Pool, who: Who, busy: ReadonlySet<string>): Promise<Balance> => {
  const client = await pool.connect();
  let broken = true;
  const mine = async () =>
    (
      await client.query<Partition>(
        'select topic, part from bus.lease where grp = $1 and topic = any($2) and owner = $3 and until > clock_timestamp() order by topic, part',
        [who.group, who.topics, who.owner],
      )
    ).rows;
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 2))', [who.group]);
    await client.query('delete from bus.member where grp = $1 and until < clock_timestamp()', [who.group]);
    for (const text of [join, renew]) await client.query(text, [who.group, who.topics, who.owner, who.leaseMs]);
    const shares = await client.query<{ topic: string; most: number }>(share, [who.group, who.topics]);
    const held = await mine();
    const surplus: Partition[] = [];
    for (const { topic, most } of shares.rows) {
      const own = held.filter((partition) => partition.topic === topic);
      const above = Math.max(0, own.length - most);
      const idle = own.filter((partition) => !busy.has(partitionName(partition))).slice(0, above);
      const working = own.filter((partition) => busy.has(partitionName(partition)));
      surplus.push(...working.slice(0, above - idle.length));
      if (idle.length > 0)
        await client.query('delete from bus.lease where grp = $1 and topic = $2 and part = any($3) and owner = $4', [
          who.group,
          topic,
          idle.map((partition) => partition.part),
          who.owner,
        ]);
      if (own.length < most) await client.query(take, [who.group, topic, who.owner, who.leaseMs, most - own.length]);
    }
    const kept = await mine();
    await client.query('commit');
    broken = false;
    return { held: kept, surplus };
  } finally {
    client.release(broken);
  }
};

/** Leaves the group at once, so that others need not wait for the leases to run out. */
export const leave = async (pool: pg.Pool, who: Who): Promise<void> => {
  await pool.query(
    'with gone as (delete from bus.member where grp = $1 and owner = $2) delete from bus.lease where grp = $1 and owner = $2',
    [who.group, who.owner],
  );
};
