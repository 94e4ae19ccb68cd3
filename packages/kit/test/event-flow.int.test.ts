import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { event } from '@meridian/contracts/event.ts';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { createTestDatabase, type TestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { sql } from 'kysely';
import { z } from 'zod';
import { createDatabase, type Database } from '../src/db/database.ts';
import { migrate } from '../src/db/migrate.ts';
import type { KitSchema } from '../src/db/schema.ts';
import { createConsumer } from '../src/events/consumer.ts';
import type { EventBus } from '../src/events/event-bus.ts';
import { createPostgresBus, migratePostgresBus } from '../src/events/postgres-bus.ts';
import { publish } from '../src/events/publish.ts';
import { reaction } from '../src/events/reaction.ts';
import { createRelay } from '../src/events/relay.ts';
import { newId } from '../src/ids.ts';
import { createLog } from '../src/telemetry/log.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';

const happened = event({
  type: 'thing-happened.v1',
  publishers: ['identity'],
  description: 'Test',
  data: z.object({ n: z.number() }),
});
const log = createLog({ service: 'test', region: 'cn', level: 'silent' });
const now = () => new Date();

describe('one event', () => {
  let databases: TestDatabase[];
  let source: Database<KitSchema>;
  let target: Database<KitSchema>;
  let bus: EventBus;

  beforeAll(async () => {
    const migrateKit = (url: string) => migrate({ url, migrations: {}, log });
    databases = await Promise.all([
      createTestDatabase({ migrate: migrateKit, templateKey: 'kit' }),
      createTestDatabase({ migrate: migrateKit, templateKey: 'kit' }),
      createTestDatabase({ migrate: (url) => migratePostgresBus({ url, log }), templateKey: 'bus' }),
    ]);
    const [a, b, c] = databases.map((database) => database.url);
    source = createDatabase({ url: a!, poolSize: 4, log, applicationName: 'source' });
    target = createDatabase({ url: b!, poolSize: 4, log, applicationName: 'target' });
    bus = createPostgresBus({ url: c!, log, now });
  });
  afterAll(async () => {
    await bus?.close(5_000);
    await Promise.all([source?.close(), target?.close()]);
    await Promise.all((databases ?? []).map((database) => database.drop()));
  });

  test('goes from the transaction that made it to the one that reacts to it', () =>
    withCleanup(async (defer) => {
      const seen: { n: number; seq: number }[] = [];
      const topic = 'cn.identity.events';
      const relay = createRelay({ db: source, bus, topic, log, metrics: createMetrics({ processMetrics: false }) });
      const consumer = createConsumer({
        service: 'billing',
        region: 'cn',
        db: target,
        bus,
        topics: [topic],
        log,
        now,
        metrics: createMetrics({ processMetrics: false }),
        reactions: [reaction(happened, async (_tx, { data, seq }) => void seen.push({ n: data.n, seq }))],
      });
      defer(relay.stop);
      defer(consumer.stop);
      relay.start();
      await consumer.start();
      const accountId = newId('acc', 'cn', now());
      for (const n of [1, 2, 3])
        await source.transaction((tx) =>
          publish(tx, { service: 'identity', region: 'cn', now }, happened, { accountId, data: { n } }),
        );
      await waitFor(() => seen.length >= 3, { timeoutMs: 30_000 });
      await Promise.all([relay.stop(), consumer.stop()]);
      expect(seen).toEqual([
        { n: 1, seq: 1 },
        { n: 2, seq: 2 },
        { n: 3, seq: 3 },
      ]);
      expect((await sql`select 1 from outbox`.execute(source.read)).rows).toHaveLength(0);
      expect((await bus.lag('billing')).every((lag) => lag.records === 0n)).toBe(true);
    }));
});
