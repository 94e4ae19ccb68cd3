// The one file that knows kafkajs. What the adapter needs of it passes through here, so that the client can be exchanged.
// Its known faults, and the rules that turn them into duplicates at worst, are listed in docs/decisions/0009-kafka-client.md.
import kafkajs, { type AclFilter, type Admin, Kafka, type LogEntry, logLevel } from 'kafkajs';
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

// Of a filter: AclResourceTypes.ANY and the like.
const any = 1;

const entryOf = (right: Right) => ({
  resourceType: 'topic' in right ? kafkajs.AclResourceTypes.TOPIC : kafkajs.AclResourceTypes.GROUP,
  resourceName: 'topic' in right ? right.topic : right.group,
  resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
  principal: right.principal,
  host: '*',
  operation: kafkajs.AclOperationTypes[right.operation],
  permissionType: kafkajs.AclPermissionTypes.ALLOW,
});

/** Grants `rights` from any host. */
export const allow = async (admin: Admin, rights: readonly Right[]): Promise<void> => {
  await admin.createAcls({ acl: rights.map(entryOf) });
};

/** A rule of the broker that allows one of our principals something; `kept` tells that it is one of the given rights. */
export type FoundRule = { readonly rule: AclFilter; readonly name: string; readonly kept: boolean };

/** Every rule that allows `principal` something; what an administrator denies stays denied. */
export const rulesOf = async (admin: Admin, principal: string, rights: readonly Right[]): Promise<FoundRule[]> => {
  const wanted = new Set(rights.map((right) => JSON.stringify(Object.values(entryOf(right)))));
  const { resources } = await admin.describeAcls({
    resourceType: any,
    resourcePatternType: any,
    principal,
    operation: any,
    permissionType: kafkajs.AclPermissionTypes.ALLOW,
  });
  return resources.flatMap(({ resourceType, resourceName, resourcePatternType, acls }) =>
    acls.map(({ principal: holder, host, operation, permissionType }) => {
      const rule = {
        resourceType,
        resourceName,
        resourcePatternType,
        principal: holder,
        host,
        operation,
        permissionType,
      };
      return { rule, name: resourceName, kept: wanted.has(JSON.stringify(Object.values(rule))) };
    }),
  );
};

/** Takes rules away. */
export const removeRules = async (admin: Admin, rules: readonly FoundRule[]): Promise<void> => {
  await admin.deleteAcls({ filters: rules.map(({ rule }) => rule) });
};

/** Settings of topics as the broker has them, by topic. */
export const settingsOf = async (
  admin: Admin,
  topics: readonly string[],
): Promise<Map<string, Map<string, string>>> => {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
  });
  return new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
};

/** Gives a topic these settings of its own, and no others. */
export const changeSettings = async (admin: Admin, topic: string, settings: Readonly<Record<string, string>>) => {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }],
  });
};
