// One admin connection, opened when first needed and dropped after any failure: what is asked next begins afresh.
import { errorCode } from '../error-code.ts';
import { atMost, withDeadline } from './deadline.ts';
import { type Admin, createAdmin, type Kafka } from './kafka-client.ts';
import { isPassing, KafkaError, kafkaError } from './kafka-error.ts';
import { wait } from './wait.ts';

export type KafkaAdmin = {
  /** Runs `work` with a connected admin, again while a leader is being chosen; throws a KafkaError that begins with `doing`. */
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
    // A connection that never came to be was told to whoever asked for it; here it only has to be over.
    return used.connected.catch(() => undefined).then(() => used.admin.disconnect());
  };
  const tryOnce = async <T>(
    used: { admin: Admin; connected: Promise<void> },
    doing: string,
    work: (admin: Admin) => Promise<T>,
  ): Promise<T> => {
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
  };
  return {
    ask: async (doing, work) => {
      for (let tries = 1; ; tries += 1) {
        const kept = current !== undefined;
        try {
          return await tryOnce(open(), doing, work);
        } catch (error) {
          // Brokers close connections that were idle; what failed on a kept one is asked again on a new one.
          const again = (tries === 1 && kept && errorCode(error) === 'unavailable') || (tries < 10 && isPassing(error));
          if (!again) throw error;
          await wait(50 * tries);
        }
      }
    },
    close: async (ms) => {
      if (current) await atMost(drop(current), ms);
    },
  };
};
