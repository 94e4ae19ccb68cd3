// Bench "events": from a business transaction's commit to the commit of its effect in another service, at 1,000 events/s, and how fast a backlog
// of 100,000 events drains; on both transports, each service in a process of its own, PostgreSQL with fsync.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { migratePostgresBus } from '@meridian/kit/events/postgres-bus.ts';
import { topicPartitions } from '@meridian/kit/events/topics.ts';
import { log } from '@meridian/testkit/event-bus/parts.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { flushedPerMessage, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { startPostgres } from '@meridian/testkit/postgres/start-postgres.ts';
import type { Bench, Progress } from './bench.ts';
import { measureDrain } from './events/drain.ts';
import { measureLatency } from './events/latency.ts';
import { createDatabase, type Ground } from './events/stage.ts';
import type { Figure } from './figure.ts';

/** About two minutes per transport. */
const measure = async (progress: Progress): Promise<Figure[]> => {
  if (!(await kafkaEngineAvailable()))
    throw new Error('the figures of Kafka need a container engine with the image: npm run images');
  const folder = mkdtempSync(join(tmpdir(), 'meridian-bench-'));
  const figures: Figure[] = [];
  try {
    const postgres = await startPostgres({ dataDir: join(folder, 'pg'), durable: true });
    try {
      const busUrl = await createDatabase(postgres, 'bus');
      await migratePostgresBus({ url: busUrl, log });
      const embedded: Ground = { name: 'postgres', postgres, busUrl, declareTopic: async () => undefined, progress };
      figures.push(...(await measureLatency(embedded)), ...(await measureDrain(embedded)));

      // With the setting of a production node, which has the disk's time in every figure.
      const kafka = await startKafka({ brokers: 1, settings: flushedPerMessage });
      const admin = createKafkaAdmin(createKafkaClient({ brokers: kafka.brokers, clientId: 'bench', log }));
      try {
        const declareTopic = async (name: string) =>
          void (await ensureTopics(admin, [{ name, partitions: topicPartitions, retentionMs: -1, cleanup: 'delete' }]));
        const url = `kafka://${kafka.brokers.join(',')}`;
        const production: Ground = { name: 'kafka', postgres, busUrl: url, declareTopic, progress };
        figures.push(...(await measureLatency(production)), ...(await measureDrain(production)));
      } finally {
        await admin.close(2_000);
        await kafka.stop();
      }
    } finally {
      await postgres.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return figures;
};

export const eventsBench: Bench = {
  name: 'events',
  budgeted: ['postgres', 'kafka'].flatMap((transport) => [`${transport}_rate`, `${transport}_commit_to_effect_p99`]),
  note: 'the drain of 100,000 events is one run: it has no budget, and a fresh backlog takes most of a minute (docs/decisions/0018)',
  measure,
};
