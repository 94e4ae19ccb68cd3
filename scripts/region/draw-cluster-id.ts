import { randomBytes } from 'node:crypto';

/**
 * Id of a Kafka cluster: base64url of 16 bytes. Never with a leading dash, as in Kafka's own Uuid.randomUuid: `kafka-storage --cluster-id` would take it
 * for another option, and the broker would not start.
 */
export const drawClusterId = (draw: () => Buffer = () => randomBytes(16)): string => {
  for (;;) {
    const id = draw().toString('base64url');
    if (!id.startsWith('-')) return id;
  }
};
