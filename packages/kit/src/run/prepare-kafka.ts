// The job that runs before a rollout: creates the region's topics and gives each service its rights on them, as the broker's administrator.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { parseConfig } from '../config/config.ts';
import { certificatePem, tlsKeyPem } from '../config/values.ts';
import { errorCode } from '../error-code.ts';
import { createKafkaAdmin } from '../events/kafka-admin.ts';
import { createKafkaClient } from '../events/kafka-client.ts';
import { ensureRights, rightsOfRegion } from '../events/kafka-rights.ts';
import { ensureTopics } from '../events/kafka-topics.ts';
import { topicsOf } from '../events/topics.ts';
import { createLog } from '../telemetry/log.ts';

const variables = z.object({
  REGION: z.string().regex(/^[a-z]{2,12}$/),
  EVENT_BUS_URL: z.string().regex(/^kafka:\/\/[^/]+$/),
  INTERNAL_TLS_KEY: tlsKeyPem,
  INTERNAL_TLS_CERT: certificatePem,
  INTERNAL_TLS_CA: certificatePem,
});
/** A broker that has just begun to listen may not know itself yet. */
const tries = 10;

const main = async () => {
  const config = parseConfig(variables, process.env);
  const log = createLog({ service: 'prepare-kafka', region: config.REGION, level: 'info' });
  const client = createKafkaClient({
    brokers: config.EVENT_BUS_URL.slice('kafka://'.length).split(','),
    clientId: 'prepare-kafka',
    ssl: { key: config.INTERNAL_TLS_KEY, cert: config.INTERNAL_TLS_CERT, ca: config.INTERNAL_TLS_CA },
    log,
  });
  const admin = createKafkaAdmin(client);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const topics = await ensureTopics(admin, topicsOf(config.REGION));
        await ensureRights(admin, rightsOfRegion(config.REGION));
        return log.info({ topics }, 'topics and rights are as declared');
      } catch (error) {
        if (attempt >= tries || errorCode(error) !== 'unavailable') throw error;
        log.warn({ err: error, attempt }, 'the broker is not ready');
        await wait(2_000);
      }
    }
  } finally {
    await admin.close(5_000);
  }
};

try {
  await main();
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Kafka cannot be prepared: ${reason}\n`);
  process.exitCode = 1;
}
