// Scenarios of the contract suite's kind on brokers that a test commands.
import { join } from 'node:path';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaClient, type KafkaConnection } from '@meridian/kit/events/kafka-client.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { createRelay } from '@meridian/kit/events/relay.ts';
import type { TopicDeclaration } from '@meridian/kit/events/topics.ts';
import { wait } from '@meridian/kit/events/wait.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { allClosed } from '@meridian/testkit/cleanup.ts';
import { openOwnServer } from '@meridian/testkit/event-bus/own-server.ts';
import { consumerOf, log, newMetrics, region, takeStep } from '@meridian/testkit/event-bus/parts.ts';
import { newAccount, playOnStage, type Stage } from '@meridian/testkit/event-bus/stage.ts';
import type { Transport } from '@meridian/testkit/event-bus/transport.ts';

export const declared = (name: string, partitions = 4): TopicDeclaration => ({
  name,
  partitions,
  retentionMs: -1,
  cleanup: 'delete',
});

export const adminOf = (brokers: readonly string[], ssl?: KafkaConnection['ssl']) =>
  createKafkaAdmin(createKafkaClient({ brokers, clientId: 'test', log, requestTimeoutMs: 5_000, ...(ssl && { ssl }) }));

type Line = { level: string; msg: string; [field: string]: unknown };

/** What an operator sees: log lines from level info on, and metrics. */
export const listenIn = () => {
  const lines: Line[] = [];
  const metrics = newMetrics();
  return {
    lines,
    metrics,
    log: createLog({
      service: 'billing',
      region,
      level: 'info',
      destination: { write: (text) => void lines.push(JSON.parse(text) as Line) },
    }),
    /** Lines of our own with this text. */
    said: (message: string | RegExp) =>
      lines.filter(({ msg }) => (typeof message === 'string' ? msg === message : message.test(msg))),
    /** A metric's value with these labels; undefined where there is none. */
    value: async (name: string, labels: Record<string, string> = {}) => {
      const found = await metrics.registry.getSingleMetric(name)?.get();
      return found?.values.find((one) =>
        Object.entries(labels).every(([key, value]) => one.labels[key as keyof typeof one.labels] === value),
      )?.value;
    },
  };
};
export type Heard = ReturnType<typeof listenIn>;

/** The relay of the stage's publishing service, as its operator hears it. */
export const heardRelay = (stage: Stage, heard: Heard, bus = stage.bus) => {
  const { log: to, metrics } = heard;
  const relay = createRelay({ db: stage.source.db, bus, topic: stage.topic, log: to, metrics, pollMs: 50 });
  stage.keep(relay).start();
  return relay;
};

/** The consumer of the stage's consuming service, likewise. */
export const heardConsumer = (stage: Stage, heard: Heard, bus = stage.bus) => {
  const { log: to, metrics } = heard;
  return stage.keep(consumerOf(stage.target.db, bus, stage.topic, { group: stage.group, metrics, log: to }));
};

/** A PostgreSQL server and the way to open stages on the brokers. */
export const openStages = async (brokers: readonly string[], partitions = 4, ssl?: KafkaConnection['ssl']) => {
  const server = await openOwnServer(join(process.cwd(), '.meridian', 'test'));
  const admin = adminOf(brokers, ssl);
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
      const declaring = options.undeclared ? { ...transport, declareTopics: async () => undefined } : transport;
      await playOnStage(server, declaring, play);
    },
    stop: () => allClosed([admin.close(2_000), server.stop()]),
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
