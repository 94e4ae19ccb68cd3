// The transport that EVENT_BUS_URL names: Kafka between machines, the Postgres event log on one.
import type { EventBus } from '../events/event-bus.ts';
import { createKafkaBus } from '../events/kafka-bus.ts';
import { createPostgresBus } from '../events/postgres-bus.ts';
import { topicPartitions } from '../events/topics.ts';
import type { Now } from '../ids.ts';
import type { Logger } from '../telemetry/log.ts';
import type { RegionTls } from './production.ts';

const kafkaScheme = 'kafka://';
/** Time for the last log lines to leave before a process that cannot go on ends. */
const lastWordsMs = 200;

export const isKafka = (address: string) => address.startsWith(kafkaScheme);

export const openBus = (options: {
  readonly address: string;
  readonly tls: RegionTls | undefined;
  readonly service: string;
  readonly log: Logger;
  readonly now: Now;
}): EventBus => {
  const { address, tls, service, log, now } = options;
  if (!isKafka(address)) return createPostgresBus({ url: address, log, now, poolSize: 2 });
  return createKafkaBus({
    brokers: address.slice(kafkaScheme.length).split(','),
    clientId: service,
    ...(tls && { ssl: tls }),
    partitions: topicPartitions,
    log,
    now,
    // A consumer that cannot be trusted any more must not work on: the process ends, and its supervisor starts a fresh one.
    onFatal: (err) => {
      log.fatal({ err }, 'the consumer cannot go on; this process ends');
      setTimeout(() => process.exit(1), lastWordsMs);
    },
  });
};
