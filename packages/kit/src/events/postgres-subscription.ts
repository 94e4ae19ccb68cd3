// One member of a group on the Postgres log: holds leases, polls its partitions in one query, handles each partition in order.
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Logger } from '../telemetry/log.ts';
import type { DeliveredRecord, RecordHandler, Subscription } from './event-bus.ts';
import { balance, leave, type Partition, partitionName } from './postgres-leases.ts';
import { type Bell, backOff, createBell, wait } from './wait.ts';

type Options = {
  pool: pg.Pool;
  log: Logger;
  group: string;
  topics: readonly string[];
  handler: RecordHandler;
  pollMs: number;
  leaseMs: number;
};

type Row = { topic: string; part: number; off: bigint; event_id: string; key: string; payload: string };
/** A held partition. `lost` aborts when the lease is gone: nothing more may be handled. */
type Held = Partition & {
  lost: AbortController;
  /** Another member is due it: given up after the record in hand. */
  yielding: boolean;
  busy: boolean;
  failures: number;
  notBefore: number;
  validUntil: number;
};

const batchSize = 100;
// What a dead member had handled since its last commit is delivered again; the inbox knows it.
const commitEvery = 25n;
const commitEveryMs = 100;
const fetchRows = `
  select l.topic, l.part, l.off, l.event_id, l.key, l.payload
  from unnest($2::text[], $3::int[]) as want(topic, part)
  join bus.group_offset o on o.grp = $1 and o.topic = want.topic and o.part = want.part
  cross join lateral (
    select * from bus.log where log.topic = o.topic and log.part = o.part and log.off >= o.off order by log.off limit ${batchSize}
  ) l order by l.topic, l.part, l.off`;

// Compare and set, and only by the owner: a member that lost its lease, or a group that was rewound meanwhile, is left alone.
const commitOffset = `/* statement: commit-offset */
  update bus.group_offset o set off = $5 where grp = $1 and topic = $2 and part = $3 and off = $4
  and exists (select 1 from bus.lease l where l.grp = $1 and l.topic = $2 and l.part = $3 and l.owner = $6)`;

export const createPostgresSubscription = async (
  options: Options,
): Promise<{ subscription: Subscription; bell: Bell }> => {
  const { pool, log, group, topics, pollMs, leaseMs } = options;
  const who = { group, topics, owner: randomUUID(), leaseMs };
  const bell = createBell();
  const stopping = new AbortController();
  const held = new Map<string, Held>();
  const working = new Set<Promise<void>>();
  const leaseBell = createBell();
  // While leases are being settled nothing new is begun, so that nothing is begun that is just being given up.
  let balancing = false;

  const keepLeases = async () => {
    const asked = performance.now();
    const busy = new Set([...held.values()].filter((partition) => partition.busy).map(partitionName));
    balancing = true;
    const { held: now, surplus } = await balance(pool, who, busy).finally(() => {
      balancing = false;
    });
    const names = new Set(now.map(partitionName));
    const yields = new Set(surplus.map(partitionName));
    for (const [name, partition] of held) {
      if (names.has(name)) {
        partition.validUntil = asked + leaseMs;
        partition.yielding = yields.has(name);
      } else {
        partition.lost.abort();
        held.delete(name);
      }
    }
    for (const partition of now) {
      const name = partitionName(partition);
      if (!held.has(name))
        held.set(name, {
          ...partition,
          lost: new AbortController(),
          yielding: false,
          busy: false,
          failures: 0,
          notBefore: 0,
          validUntil: asked + leaseMs,
        });
    }
    bell.ring();
  };

  const mayHandle = (partition: Held) =>
    !stopping.signal.aborted &&
    !partition.lost.signal.aborted &&
    !partition.yielding &&
    performance.now() < partition.validUntil;

  /** Handles rows in order. Offsets follow behind, at most one commit in flight, and never pass what was handled. */
  const handle = async (partition: Held, rows: Row[]) => {
    const signal = AbortSignal.any([stopping.signal, partition.lost.signal]);
    let committed = rows[0]?.off ?? 0n;
    let handled = committed;
    let inFlight: Promise<void> | undefined;
    let abandoned = false;
    let commitAt = performance.now();
    const commit = async () => {
      while (committed < handled && !abandoned) {
        const target = handled;
        const { rowCount } = await pool.query(commitOffset, [
          group,
          partition.topic,
          partition.part,
          committed,
          target,
          who.owner,
        ]);
        if (rowCount === 0) abandoned = true;
        committed = target;
      }
    };
    try {
      for (const row of rows) {
        if (abandoned || !mayHandle(partition)) break;
        const record: DeliveredRecord = {
          topic: row.topic,
          key: row.key,
          eventId: row.event_id,
          payload: row.payload,
          partition: row.part,
          offset: row.off,
        };
        await options.handler(record, { signal });
        handled = row.off + 1n;
        if (handled - committed < commitEvery && performance.now() - commitAt < commitEveryMs) continue;
        commitAt = performance.now();
        inFlight ??= commit().finally(() => {
          inFlight = undefined;
        });
        inFlight.catch(() => undefined); // reported by the last commit below, which runs into the same fault
      }
      partition.failures = 0;
    } finally {
      await inFlight?.catch(() => undefined); // as above
      await commit();
    }
  };

  const dispatch = (partition: Held, rows: Row[]) => {
    partition.busy = true;
    const name = partitionName(partition);
    const work = handle(partition, rows)
      .catch((err: unknown) => {
        partition.failures += 1;
        partition.notBefore = performance.now() + backOff(partition.failures, pollMs, 5_000);
        if (!stopping.signal.aborted)
          log.warn({ err, group, partition: name, failures: partition.failures }, 'delivery failed, will be repeated');
      })
      .finally(() => {
        partition.busy = false;
        if (partition.yielding) leaseBell.ring();
        working.delete(work);
        bell.ring();
      });
    working.add(work);
  };
  /** One query for all idle partitions; each found one is handled on its own. */
  const poll = async () => {
    if (balancing) return;
    const idle = [...held.values()].filter(
      (partition) => !partition.busy && mayHandle(partition) && partition.notBefore <= performance.now(),
    );
    if (idle.length === 0) return;
    const { rows } = await pool.query<Row>(fetchRows, [group, idle.map((p) => p.topic), idle.map((p) => p.part)]);
    const found = Map.groupBy(rows, partitionName);
    if (balancing) return;
    for (const partition of idle) {
      const own = found.get(partitionName(partition));
      if (own && held.get(partitionName(partition)) === partition) dispatch(partition, own);
    }
  };

  /** Repeats `step` until stopped; a failing database is waited for. */
  const repeat = async (name: string, pause: () => Promise<void>, step: () => Promise<void>) => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        await step();
        failures = 0;
      } catch (err) {
        failures += 1;
        log.warn({ err, group, failures }, `${name} failed, will be repeated`);
      }
      await (failures > 0 ? wait(backOff(failures, 50, 2_000), stopping.signal) : pause());
    }
  };

  await keepLeases();
  const leases = repeat('keeping leases', () => leaseBell.wait(leaseMs / 3), keepLeases);
  const polling = repeat('polling', () => bell.wait(pollMs), poll);

  const subscription: Subscription = {
    stop: async () => {
      if (stopping.signal.aborted) return void (await Promise.all([leases, polling, ...working]));
      stopping.abort();
      bell.ring();
      leaseBell.ring();
      await Promise.all([leases, polling, ...working]);
      await leave(pool, who).catch((err: unknown) => log.warn({ err, group }, 'leases are left to run out'));
    },
  };
  return { subscription, bell };
};
