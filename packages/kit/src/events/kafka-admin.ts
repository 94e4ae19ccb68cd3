// One admin connection, opened when first needed and dropped after any failure: what is asked next begins afresh.
import { atMost, withDeadline } from './deadline.ts';
import { type Admin, createAdmin, type Kafka } from './kafka-client.ts';
import { KafkaError, kafkaError } from './kafka-error.ts';

export type KafkaAdmin = {
  /** Runs `work` with a connected admin; throws a KafkaError that begins with `doing`, at the latest after the deadline. */
  ask<T>(doing: string, work: (admin: Admin) => Promise<T>): Promise<T>;
  close(deadlineMs: number): Promise<void>;
};

export const createKafkaAdmin = (client: Kafka, deadlineMs = 15_000): KafkaAdmin => {
  let current: { admin: Admin; connected: Promise<void> } | undefined;
  const open = () => {
    if (current) return current;
    const admin = createAdmin(client);
    current = { admin, connected: admin.connect() };
    return current;
  };
  const drop = (used: { admin: Admin; connected: Promise<void> }) => {
    if (current === used) current = undefined;
    return used.connected.catch(() => undefined).then(() => used.admin.disconnect());
  };
  return {
    ask: async (doing, work) => {
      const used = open();
      try {
        return await withDeadline(
          used.connected.then(() => work(used.admin)),
          deadlineMs,
          () => new KafkaError('unavailable', `${doing}: no answer within ${deadlineMs} ms`),
        );
      } catch (error) {
        void atMost(drop(used), 5_000);
        throw kafkaError(error, doing);
      }
    },
    close: async (ms) => {
      if (current) await atMost(drop(current), ms);
    },
  };
};
