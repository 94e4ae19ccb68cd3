// The job that runs before a rollout: creates the region's topics and gives each service its rights on them, as the broker's administrator.
// With words behind it, it is the operator's tool inside a region's networks, where Kafka is reached: prepare-kafka.ts check | configure | recreate --topic NAME.
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { parseConfig } from '../config/config.ts';
import { certificatePem, tlsKeyPem } from '../config/values.ts';
import { errorCode } from '../error-code.ts';
import { createKafkaAdmin } from '../events/kafka-admin.ts';
import { createKafkaClient } from '../events/kafka-client.ts';
import { ensureRights } from '../events/kafka-rights.ts';
import { ensureTopics } from '../events/kafka-topics.ts';
import { topicsOf } from '../events/topics.ts';
import { createLog } from '../telemetry/log.ts';
import { runTopics } from './topics-command.ts';

const variables = z.object({
  REGION: z.string().regex(/^[a-z]{2,12}$/),
  EVENT_BUS_URL: z.string().regex(/^kafka:\/\/[^/]+$/),
  INTERNAL_TLS_KEY: tlsKeyPem,
  INTERNAL_TLS_CERT: certificatePem,
  INTERNAL_TLS_CA: certificatePem,
});
/** A broker that has just begun to listen may not know itself yet. */
const tries = 10;

const configOf = () => {
  const config = parseConfig(variables, process.env);
  return {
    region: config.REGION,
    brokers: config.EVENT_BUS_URL.slice('kafka://'.length).split(','),
    ssl: { key: config.INTERNAL_TLS_KEY, cert: config.INTERNAL_TLS_CERT, ca: config.INTERNAL_TLS_CA },
  };
};

const prepare = async () => {
  const { region, brokers, ssl } = configOf();
  const log = createLog({ service: 'prepare-kafka', region, level: 'info' });
  const admin = createKafkaAdmin(createKafkaClient({ brokers, clientId: 'prepare-kafka', ssl, log }));
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        // Rights first: a service that finds its topic may use it.
        const revoked = await ensureRights(admin, region);
        const topics = await ensureTopics(admin, topicsOf(region));
        return log.info({ topics, revoked }, 'topics and rights are as declared');
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

const args = process.argv.slice(2);
try {
  if (args.length === 0) await prepare();
  else {
    const { region, brokers, ssl } = configOf();
    process.exitCode = await runTopics(args, { connect: () => ({ brokers, ssl }), region }, (line) =>
      console.log(line),
    );
  }
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Kafka cannot be prepared: ${reason}\n`);
  process.exitCode = 1;
}
