import { expect, test } from '@jest/globals';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { sql } from 'kysely';
import type { Database } from '../src/db/database.ts';
import type { KitSchema } from '../src/db/schema.ts';
import type { EventBus, EventRecord } from '../src/events/event-bus.ts';
import { createRelay } from '../src/events/relay.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { openServiceDatabase, silent } from './service-database.ts';

const topic = 'cn.test.events';

/** A database with `backlog` events, and a relay that is not yet started. `publish` stands for the bus. */
const onRelay = (
  backlog: number,
  publish: EventBus['publish'],
  play: (on: {
    db: Database<KitSchema>;
    metrics: ReturnType<typeof createMetrics>;
    start: () => void;
    failing: (text: RegExp) => void;
  }) => Promise<void>,
) =>
  withCleanup(async (defer) => {
    const { db, close } = await openServiceDatabase();
    defer(close);
    await sql`insert into outbox (event_id, account_id, type, payload, created_at)
      select 'event-' || n, 'account', 'test', '{}', now() - interval '1 hour' from generate_series(1, ${backlog}) n`.execute(
      db.read,
    );
    let failing = /^never$/;
    const metrics = createMetrics({ processMetrics: false });
    const bus = { publish } as EventBus;
    const dedicated = (name: string) => {
      const client = db.dedicated(name);
      const query = client.query.bind(client) as (text: string, ...more: unknown[]) => Promise<unknown>;
      const judged = async (text: string, ...more: unknown[]) => {
        if (failing.test(text)) throw Object.assign(new Error('statement timeout'), { code: '57014' });
        return query(text, ...more);
      };
      return Object.assign(client, { query: judged as typeof client.query });
    };
    const relay = createRelay({ db: { ...db, dedicated }, bus, topic, log: silent, metrics, pollMs: 20 });
    defer(relay.stop);
    await play({
      db,
      metrics,
      start: relay.start,
      failing: (text) => {
        failing = text;
      },
    });
  });

const reading = async (gauge: { get(): Promise<{ values: { value: number }[] }> }) =>
  (await gauge.get()).values[0]?.value;

test('what cannot be measured or pruned is relayed all the same', async () => {
  const published: EventRecord[] = [];
  const publish = async (records: readonly EventRecord[]) => void published.push(...records);
  await onRelay(450, publish, async ({ start, failing }) => {
    failing(/as depth|published_at </);
    start();
    await waitFor(() => published.length === 450);
  });
});

test('what was published too long ago leaves at once, however much it is, and what is younger stays', async () => {
  await onRelay(
    0,
    async () => undefined,
    async ({ db, start }) => {
      await sql`insert into published_event (event_id, position, account_id, type, payload, created_at, published_at)
      select 'old-' || n, n, 'account', 'test', '{}', now(), now() - make_interval(days => case when n > 12000 then 13 else 15 end)
      from generate_series(1, 12010) n`.execute(db.read);
      const kept = async () =>
        Number((await sql<{ n: bigint }>`select count(*) as n from published_event`.execute(db.read)).rows[0]?.n);
      start();
      // The relay prunes every minute besides.
      await waitFor(async () => (await kept()) === 10, { timeoutMs: 30_000 });
    },
  );
});

test('a backlog is counted up to a bound, its age is that of the first', async () => {
  const away = async () => {
    throw new Error('the bus is away');
  };
  await onRelay(100_500, away, async ({ metrics, start }) => {
    start();
    await waitFor(async () => (await reading(metrics.outboxDepth)) === 100_000, { timeoutMs: 30_000 });
    expect(await reading(metrics.outboxOldestAge)).toBeGreaterThanOrEqual(3_600);
  });
});

test('who no longer leads tells no backlog', async () => {
  const away = async () => {
    throw new Error('the bus is away');
  };
  await onRelay(3, away, async ({ metrics, start, failing }) => {
    start();
    await waitFor(async () => (await reading(metrics.outboxDepth)) === 3);
    expect(await reading(metrics.relayLeader)).toBe(1);
    // Its connection, and each one after it.
    failing(/./);
    await waitFor(async () => (await reading(metrics.relayLeader)) === 0);
    expect([await reading(metrics.outboxDepth), await reading(metrics.outboxOldestAge)]).toEqual([0, 0]);
  });
});
