// Scenarios of the contract suite's kind on brokers that a test commands.
import { join } from 'node:path';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaBus, type KafkaBusOptions } from '@meridian/kit/events/kafka-bus.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import type { TopicDeclaration } from '@meridian/kit/events/topics.ts';
import { wait } from '@meridian/kit/events/wait.ts';
import { openOwnServer } from '@meridian/testkit/event-bus/own-server.ts';
import { log, now, takeStep } from '@meridian/testkit/event-bus/parts.ts';
import { newAccount, openStage, type Stage } from '@meridian/testkit/event-bus/stage.ts';
import type { Transport } from '@meridian/testkit/event-bus/transport.ts';
import { testTiming } from './kafka-bus-module.ts';

export const declared = (name: string, partitions = 4): TopicDeclaration => ({
  name,
  partitions,
  retentionMs: -1,
  cleanup: 'delete',
});

/** A bus of a test; `onFatal` fails the run unless the test expects it. */
export const busOf = (brokers: readonly string[], options: Partial<KafkaBusOptions> = {}) =>
  createKafkaBus({
    brokers,
    clientId: 'test',
    log,
    now,
    requestTimeoutMs: 5_000,
    sendDeadlineMs: 10_000,
    timing: testTiming,
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });

export const adminOf = (brokers: readonly string[]) =>
  createKafkaAdmin(createKafkaClient({ brokers, clientId: 'test', log, requestTimeoutMs: 5_000 }));

/** A PostgreSQL server and the way to open stages on the brokers. */
export const openStages = async (brokers: readonly string[], partitions = 4) => {
  const server = await openOwnServer(join(process.cwd(), '.meridian', 'test'));
  const admin = adminOf(brokers);
  const declareTopics = async (names: readonly string[]) =>
    void (await ensureTopics(
      admin,
      names.map((name) => declared(name, partitions)),
    ));
  const transport: Transport = {
    module: new URL('./kafka-bus-module.ts', import.meta.url).href,
    config: { brokers, partitions },
    declareTopics,
    disconnect: async () => undefined,
    close: async () => undefined,
  };
  return {
    admin,
    transport,
    declareTopics,
    onStage: async (play: (stage: Stage) => Promise<void>, options: { undeclared?: boolean } = {}) => {
      const stage = await openStage(
        server,
        options.undeclared ? { ...transport, declareTopics: async () => undefined } : transport,
      );
      try {
        await play(stage);
      } finally {
        await stage.close();
      }
    },
    stop: async () => {
      await admin.close(2_000);
      await server.stop();
    },
  };
};

/** `each` steps of `count` accounts, accounts side by side; answers how many were taken. */
export const takeSteps = async (stage: Stage, count: number, each: number): Promise<number> => {
  const accounts = Array.from({ length: count }, newAccount);
  for (let n = 1; n <= each; n += 1)
    await Promise.all(accounts.map((account) => takeStep(stage.source.db, account, n)));
  return count * each;
};

/** Steps of twelve accounts, about 100 in a second, until stopped; `stop` answers how many were taken. */
export const keepTaking = (stage: Stage) => {
  let stopped = false;
  let taken = 0;
  const accounts = Array.from({ length: 12 }, newAccount);
  const work = (async () => {
    for (let n = 1; !stopped; n += 1) {
      await Promise.all(accounts.map((account) => takeStep(stage.source.db, account, n)));
      taken += accounts.length;
      await wait(120);
    }
  })();
  work.catch(() => undefined); // told to whoever stops it
  const steps = {
    taken: () => taken,
    stop: async () => {
      stopped = true;
      await work;
    },
  };
  return stage.keep(steps);
};
