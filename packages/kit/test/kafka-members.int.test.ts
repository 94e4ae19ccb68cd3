// Members of a group on a real broker: they come, go, sleep, hang and end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Consumer, createKafkaClient, type Kafka } from '@meridian/kit/events/kafka-client.ts';
import { createKafkaSubscription } from '@meridian/kit/events/kafka-subscription.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { topicPartitions } from '@meridian/kit/events/topics.ts';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import type { Orders } from '@meridian/testkit/event-bus/child.ts';
import { readEffects } from '@meridian/testkit/event-bus/history.ts';
import { consumerOf, log, relayOf } from '@meridian/testkit/event-bus/parts.ts';
import { newAccount, quiesce, type Stage, until, verdict } from '@meridian/testkit/event-bus/stage.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { busOf, testTiming } from './kafka-bus-module.ts';
import { declared, keepTaking, listenIn, openStages, takeSteps } from './kafka-stage.ts';

const patience = 60_000;

describeNeeding('kafka', await kafkaEngineAvailable(), 'members of a group', () => {
  let kafka: RunningKafka;
  let stages: Awaited<ReturnType<typeof openStages>>;
  beforeAll(async () => {
    kafka = await startKafka({ brokers: 1 });
    stages = await openStages(kafka.proxied);
  }, 240_000);
  afterAll(async () => {
    await stages?.stop();
    await kafka?.stop();
  }, 60_000);

  const startRelay = (stage: Stage) => stage.keep(relayOf(stage.source.db, stage.bus, stage.topic)).start();
  const startConsumer = (stage: Stage) =>
    stage.keep(consumerOf(stage.target.db, stage.bus, stage.topic, { group: stage.group })).start();
  const settled = async (stage: Stage, count: number) => {
    await quiesce(stage, patience);
    expect(await verdict(stage)).toEqual([]);
    expect(await readEffects(stage.target.db)).toHaveLength(count);
  };

  test(
    'members come and go in the middle of batches: nothing is lost, doubled or out of order',
    () =>
      stages.onStage(async (stage) => {
        startRelay(stage);
        await startConsumer(stage);
        const steps = keepTaking(stage);
        for (let round = 0; round < 3; round += 1) {
          const bus = stage.newBus();
          const guest = consumerOf(stage.target.db, bus, stage.topic, { group: stage.group });
          const before = (await readEffects(stage.target.db)).length;
          await guest.start();
          await until('work goes on', patience, async () => (await readEffects(stage.target.db)).length > before);
          await guest.stop();
        }
        await steps.stop();
        await settled(stage, steps.taken());
      }),
    180_000,
  );

  test(
    'a member paused beyond its session wakes up as a zombie: its effects and offsets do no harm',
    () =>
      stages.onStage(async (stage) => {
        startRelay(stage);
        const { module, config } = stages.transport;
        const orders: Orders = {
          part: 'consumer',
          databaseUrl: stage.target.url,
          bus: { module, config },
          topic: stage.topic,
          group: stage.group,
          steps: [],
          dieAt: { point: 'before-publish', nth: 1 }, // a consumer never comes there
        };
        const script = fileURLToPath(import.meta.resolve('@meridian/testkit/event-bus/child.ts'));
        const child = spawn(process.execPath, [script, JSON.stringify(orders)], {
          stdio: ['ignore', 'inherit', 'inherit'],
          env: { ...process.env, NODE_OPTIONS: '' },
        });
        const exited = once(child, 'exit');
        try {
          let taken = await takeSteps(stage, 8, 5);
          await until(
            'the member at work',
            patience,
            async () => (await readEffects(stage.target.db)).length === taken,
          );
          const more = takeSteps(stage, 8, 20);
          await until('in the middle', patience, async () => (await readEffects(stage.target.db)).length > taken + 5);
          void child.kill('SIGSTOP');
          taken += await more;
          const others = await takeSteps(stage, 8, 1);
          taken += others;
          const before = (await readEffects(stage.target.db)).length;
          await startConsumer(stage);
          // Transactions that the stopped process holds open keep their accounts' events waiting, not those of others.
          await until(
            'take-over',
            patience,
            async () => (await readEffects(stage.target.db)).length >= before + others,
          );
          void child.kill('SIGCONT');
          taken += await takeSteps(stage, 8, 5);
          await settled(stage, taken);
        } finally {
          void child.kill('SIGKILL');
          await exited;
        }
      }),
    180_000,
  );

  test(
    'a handler that outlasts the session is given up and tried again; the member stays, and others go on',
    () =>
      stages.onStage(async (stage) => {
        const heard = listenIn();
        // Two tries outlast the session of testTiming, which a machine that stalls for seconds does not end.
        const hang = Promise.withResolvers<void>();
        stage.keep({ stop: async () => hang.resolve() });
        const bus = busOf(kafka.brokers, { log: heard.log });
        stage.keep({ stop: () => bus.close(2_000) });
        const [slow, quick] = ['slow', 'quick'];
        const tries: string[] = [];
        let told = 0;
        await bus.subscribe({
          group: stage.group,
          topics: [stage.topic],
          handler: async ({ key }, { signal }) => {
            tries.push(key);
            if (key !== slow || tries.filter((one) => one === slow).length > 2) return;
            signal.addEventListener('abort', () => {
              told += 1;
            });
            await hang.promise;
          },
        });
        const send = (key: string) =>
          bus.publish([{ topic: stage.topic, key, eventId: `${key}-${tries.length}`, payload: '{}' }]);
        await send(slow);
        await until('the first try', patience, async () => tries.includes(slow));
        await send(quick);
        await until('the third try', patience, async () => tries.filter((one) => one === slow).length === 3);
        await until('no lag', patience, async () =>
          (await bus.lag(stage.group)).every(({ records }) => records === 0n),
        );
        expect(tries).toContain(quick);
        expect(told).toBe(2);
        expect(heard.said('delivery failed, will be repeated')).toHaveLength(2);
        // Thrown out of the group, it would have had to join again.
        expect(heard.said('joined the group')).toHaveLength(1);
      }),
    120_000,
  );

  test(
    'a client that goes quiet although events wait is noticed, while its member still beats',
    () =>
      stages.onStage(async (stage) => {
        const client = createKafkaClient({ brokers: kafka.brokers, clientId: 'quiet', log });
        let consumer: Consumer | undefined;
        // kafkajs itself, and a hold of it: a paused topic is what a forgotten one looks like.
        const held = {
          consumer: (options: Parameters<Kafka['consumer']>[0]) => {
            consumer = client.consumer(options);
            return consumer;
          },
        } as unknown as Kafka;
        const errors: Error[] = [];
        let handled = 0;
        const bus = busOf(kafka.brokers);
        stage.keep({ stop: () => bus.close(1_000) });
        const subscription = await createKafkaSubscription({
          client: held,
          log,
          group: stage.group,
          topics: [stage.topic],
          handler: async () => {
            handled += 1;
          },
          timing: { ...testTiming, rebalanceMs: 2_000, watchdogMs: 4_000 },
          concurrency: 4,
          lagOf: async (assigned) =>
            (await bus.lag(stage.group))
              .filter(({ topic, partition }) => assigned.get(topic)?.includes(partition))
              .reduce((sum, { records }) => sum + records, 0n),
          onFatal: (error) => void errors.push(error),
        });
        stage.keep({ stop: () => subscription.close(1_000) });
        const send = (id: string) =>
          bus.publish([{ topic: stage.topic, key: newAccount(), eventId: id, payload: '{}' }]);
        await send('one');
        await until('the first', patience, async () => handled === 1);
        await new Promise((resolve) => setTimeout(resolve, 6_000)); // with nothing to do, all is well
        expect(errors).toEqual([]);
        consumer?.pause([{ topic: stage.topic }]);
        await send('two');
        await until('the report', patience, async () => errors.length > 0);
        expect(errors[0]?.message).toMatch(/1 events wait and none was delivered for 4000 ms/);
      }),
    120_000,
  );

  test('a crash that kafkajs does not repeat ends the process, which says why', async () => {
    const topic = 'cn.fatal.events';
    await ensureTopics(stages.admin, [declared(topic, topicPartitions)]);
    const other = createKafkaClient({ brokers: kafka.brokers, clientId: 'other', log }).consumer({
      groupId: 'fatal',
      partitionAssigners: [
        () => ({
          name: 'Another',
          version: 1,
          assign: async () => [],
          protocol: () => ({ name: 'Another', metadata: Buffer.alloc(0) }),
        }),
      ],
    });
    const script = fileURLToPath(new URL('./fatal-demo.ts', import.meta.url));
    await withCleanup(async (defer) => {
      defer(() => other.disconnect());
      await other.connect();
      await other.subscribe({ topic });
      await other.run({ eachMessage: async () => undefined });
      const child = spawn(process.execPath, [script, `kafka://${kafka.brokers.join(',')}`, topic], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      defer(() => child.kill('SIGKILL'));
      let text = '';
      child.stdout.on('data', (data) => {
        text += String(data);
      });
      const [code] = await once(child, 'close');
      expect(code).toBe(1);
      expect(text).toMatch(/"level":"fatal".*protocol.*the consumer cannot go on; this process ends/i);
    });
  }, 120_000);
});
