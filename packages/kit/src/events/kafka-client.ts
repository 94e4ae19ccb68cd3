// The one file that knows kafkajs. What the adapter needs of it passes through here, so that the client can be exchanged.
// Its known faults, and the rules that turn them into duplicates at worst, are listed in docs/decisions/0009-kafka-client.md.
import kafkajs, { type Admin, Kafka, type LogEntry, logLevel } from 'kafkajs';
import type { Logger } from '../telemetry/log.ts';

export type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage, Producer, RecordMetadata } from 'kafkajs';

export type KafkaConnection = {
  /** host:port of one or more brokers; the rest of the cluster is learnt from them. */
  readonly brokers: readonly string[];
  /** Shown in the broker's logs and quotas. */
  readonly clientId: string;
  /** TLS: certificates in PEM. `cert` and `key` together make mutual TLS. */
  readonly ssl?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
  readonly log: Logger;
  /** Longest wait for one answer of a broker, in ms; default 30 000. */
  readonly requestTimeoutMs?: number;
};

// What kafkajs reports as an error is mostly something it repeats by itself; what matters is reported by the adapter.
const levels = { [logLevel.ERROR]: 'warn', [logLevel.WARN]: 'warn', [logLevel.INFO]: 'debug' } as const;
const kept = ['error', 'broker', 'groupId', 'memberId', 'topic', 'partition', 'retryCount', 'retryTime', 'duration'];

/** kafkajs's log lines by pino, reduced to fields known to carry no content of messages. */
const logTo =
  (log: Logger) =>
  () =>
  ({ namespace, level, log: entry }: LogEntry) => {
    const fields = Object.fromEntries(kept.filter((name) => name in entry).map((name) => [name, entry[name]]));
    const { error, ...rest } = fields;
    const reason = typeof error === 'string' ? { reason: error } : error === undefined ? {} : { err: error };
    log[levels[level as keyof typeof levels] ?? 'trace']({ kafka: namespace, ...rest, ...reason }, entry.message);
  };

/** A client; nothing is connected before use. Topics are never created by being named. */
export const createKafkaClient = (options: KafkaConnection): Kafka =>
  new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    enforceRequestTimeout: true,
    logLevel: logLevel.INFO,
    logCreator: logTo(options.log),
    ...(options.ssl && { ssl: { ...options.ssl, rejectUnauthorized: true } }),
    ...(options.sasl && { sasl: options.sasl as { mechanism: 'plain'; username: string; password: string } }),
  });

/** An admin that gives up soon: whoever uses it repeats or reports. */
export const createAdmin = (client: Kafka): Admin =>
  client.admin({ retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000 } });

/** One thing that a principal may do with a topic or a consumer group. */
export type Right = {
  readonly principal: string;
  readonly operation: 'READ' | 'WRITE' | 'DESCRIBE';
} & ({ readonly topic: string } | { readonly group: string });

/** Grants `rights` from any host. */
export const allow = async (admin: Admin, rights: readonly Right[]): Promise<void> => {
  await admin.createAcls({
    acl: rights.map((right) => ({
      resourceType: 'topic' in right ? kafkajs.AclResourceTypes.TOPIC : kafkajs.AclResourceTypes.GROUP,
      resourceName: 'topic' in right ? right.topic : right.group,
      resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
      principal: right.principal,
      host: '*',
      operation: kafkajs.AclOperationTypes[right.operation],
      permissionType: kafkajs.AclPermissionTypes.ALLOW,
    })),
  });
};
