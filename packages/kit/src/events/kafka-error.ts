// Errors of the Kafka transport, by code. kafkajs's own errors stay inside as the cause.
import { errorCause, errorCode, errorMessage, errorName } from '../error-code.ts';
import { tlsCode } from '../transient.ts';

/**
 * - `unavailable`: the brokers do not answer or cannot take it now; passes by itself
 * - `topic_missing`: nobody has created the topic; passes when somebody does
 * - `topic_partitions`: the topic has another number of partitions than declared; a person must decide
 * - `topic_settings`: the topic has other settings than declared
 * - `not_trusted`: TLS could not be agreed, because one side does not believe the other's certificate; passes when certificates are mended
 * - `record_too_large`, `not_authorized`: will not pass by itself
 */
export type KafkaErrorCode =
  | 'unavailable'
  | 'topic_missing'
  | 'topic_partitions'
  | 'topic_settings'
  | 'not_trusted'
  | 'record_too_large'
  | 'not_authorized';

export class KafkaError extends Error {
  readonly code: KafkaErrorCode;
  constructor(code: KafkaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KafkaError';
    this.code = code;
  }
}

// Names of protocol errors: https://kafka.apache.org/protocol.html#protocol_error_codes
const codeOfType: Readonly<Record<string, KafkaErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'topic_missing',
  MESSAGE_TOO_LARGE: 'record_too_large',
  RECORD_LIST_TOO_LARGE: 'record_too_large',
  TOPIC_AUTHORIZATION_FAILED: 'not_authorized',
  GROUP_AUTHORIZATION_FAILED: 'not_authorized',
  CLUSTER_AUTHORIZATION_FAILED: 'not_authorized',
  SASL_AUTHENTICATION_FAILED: 'not_authorized',
};

const mendTrust =
  'this program and the brokers need valid certificates of one authority: npm run region -- rotate <id> certificates, then recreate';

/** A broker does not tell a topic that is missing from one that may not be seen, and one that comes back empty has lost both topics and rights. */
export const mendTopics =
  'run the job kafka-prepare, which creates topics and grants rights; on brokers without rights, npm run topics -- create';
const mending: Partial<Record<KafkaErrorCode, string>> = { topic_missing: mendTopics, not_authorized: mendTopics };

const typeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string'
    ? error.type
    : undefined;

/** Anything thrown by kafkajs as a KafkaError; a KafkaError stays as it is. `doing` begins the message. */
export const kafkaError = (error: unknown, doing: string): KafkaError => {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 6; depth += 1) {
    if (errorName(at) === 'KafkaError') return at as KafkaError;
    const type = typeOf(at);
    const code = type === undefined ? undefined : codeOfType[type];
    if (code !== undefined) {
      const hint = mending[code];
      return new KafkaError(code, `${doing}: ${type}${hint ? `; ${hint}` : ''}`, { cause: error });
    }
    const tls = errorCode(at);
    if (tls !== undefined && tlsCode.test(tls))
      return new KafkaError('not_trusted', `${doing}: ${errorMessage(at)} (${tls}); ${mendTrust}`, { cause: error });
    if (errorName(at) === 'KafkaJSSASLAuthenticationError')
      return new KafkaError('not_authorized', `${doing}: ${errorMessage(at)}`, { cause: error });
    at = errorCause(at);
  }
  return new KafkaError('unavailable', `${doing}: ${errorMessage(error)}`, { cause: error });
};

// A leader or coordinator is being chosen, or the client knows the former one. kafkajs's admin gives up at once.
const passing = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'NOT_CONTROLLER',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
]);

/** Whether asking again in a moment is likely to help. */
export const isPassing = (error: unknown): boolean => {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 6; depth += 1) {
    if (passing.has(typeOf(at) ?? '')) return true;
    at = errorCause(at);
  }
  return false;
};
