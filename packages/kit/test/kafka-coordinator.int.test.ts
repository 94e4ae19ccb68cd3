// A broker that keeps no offsets yet has no coordinator for a group: the consumer waits for it and loses nothing.
import { expect, test } from '@jest/globals';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { withCleanup } from '@meridian/testkit/cleanup.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { waitFor } from '@meridian/testkit/wait-for.ts';
import { busOf } from './kafka-bus-module.ts';
import { adminOf, declared } from './kafka-stage.ts';

const [topic, group] = ['cn.identity.events', 'billing'];

describeNeeding('kafka', await kafkaEngineAvailable(), 'a broker without a coordinator', () => {
  test(
    'is waited for, and what was sent meanwhile is delivered once there is one',
    () =>
      withCleanup(async (defer) => {
        // One broker cannot keep three copies, so it makes no topic of offsets by itself.
        const kafka = await startKafka({ brokers: 1, settings: { KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '3' } });
        defer(() => kafka.stop());
        const admin = adminOf(kafka.brokers);
        defer(() => admin.close(2_000));
        await ensureTopics(admin, [declared(topic, 1)]);
        const bus = busOf(kafka.brokers);
        defer(() => bus.close(5_000));
        await bus.publish([{ topic, key: 'acc_cn_1', eventId: 'evt_cn_1', payload: '{}' }]);

        const told: boolean[] = [];
        const delivered: string[] = [];
        await bus.subscribe({
          group,
          topics: [topic],
          handler: async ({ eventId }) => void delivered.push(eventId),
          onMembership: (joined) => void told.push(joined),
        });
        await waitFor(async () => told.length > 0, { timeoutMs: 60_000 });
        expect([told.includes(true), delivered]).toEqual([false, []]);

        await ensureTopics(admin, [declared('__consumer_offsets', 3)]);
        await waitFor(async () => delivered.length > 0, { timeoutMs: 60_000 });
        expect([told.at(-1), delivered]).toEqual([true, ['evt_cn_1']]);
      }),
    240_000,
  );
});
