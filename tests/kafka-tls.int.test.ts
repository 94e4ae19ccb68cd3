// A broker as in a region's stack: TLS with client certificates as `npm run region` issues them, and rights. What wrong certificates and
// missing rights look like, and the job that mends them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { allow, type Right, rulesOf } from '@meridian/kit/events/kafka-client.ts';
import { rightsOfRegion } from '@meridian/kit/events/kafka-rights.ts';
import { topicPartitions } from '@meridian/kit/events/topics.ts';
import type { RegionTls } from '@meridian/kit/run/production.ts';
import { readEffects } from '@meridian/testkit/event-bus/history.ts';
import { takeStep } from '@meridian/testkit/event-bus/parts.ts';
import { newAccount, until } from '@meridian/testkit/event-bus/stage.ts';
import { describeNeeding } from '@meridian/testkit/jest/needs.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { type RunningKafka, startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { sql } from 'kysely';
import { busOf } from '../packages/kit/test/kafka-bus-module.ts';
import { heardConsumer, heardRelay, listenIn, openStages } from '../packages/kit/test/kafka-stage.ts';
import { openAuthority } from '../scripts/region/certificates.ts';

const patience = 60_000;
const job = fileURLToPath(import.meta.resolve('@meridian/kit/run/prepare-kafka.ts'));

describeNeeding('kafka', await kafkaEngineAvailable(), 'a broker with TLS and rights', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-kafka-tls-'));
  let kafka: RunningKafka;
  let stages: Awaited<ReturnType<typeof openStages>>;
  /** Of the region, and of somebody else who calls himself the same. */
  let issue: (name: string) => Promise<RegionTls>;
  let issueForeign: (name: string) => Promise<RegionTls>;
  let admin: RegionTls;

  beforeAll(async () => {
    const issuer = async (at: string) => {
      const authority = await openAuthority(join(folder, at), 'cn');
      return async (name: string) => ({
        ...(await authority.issue({
          name,
          hosts: [name, 'localhost', '127.0.0.1'],
          usage: ['serverAuth', 'clientAuth'],
        })),
        ca: authority.bundle(),
      });
    };
    [issue, issueForeign] = [await issuer('cn'), await issuer('foreign')];
    const [broker, client] = [await issue('kafka'), await issue('kafka-admin')];
    admin = client;
    kafka = await startKafka({
      brokers: 1,
      tls: { keystore: broker.key + broker.cert, ca: broker.ca, superUsers: ['kafka', 'kafka-admin'], client },
    });
    stages = await openStages(kafka.brokers, 4, client);
  }, 240_000);
  afterAll(async () => {
    await stages?.stop();
    await kafka?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  /** The job as a container runs it. */
  const prepare = async (...args: string[]) => {
    const child = spawn(process.execPath, [job, ...args], {
      env: {
        PATH: process.env.PATH,
        REGION: 'cn',
        EVENT_BUS_URL: `kafka://${kafka.brokers.join(',')}`,
        INTERNAL_TLS_KEY: admin.key,
        INTERNAL_TLS_CERT: admin.cert,
        INTERNAL_TLS_CA: admin.ca,
      },
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += String(data)));
    const [status] = await once(child, 'close');
    return { status, text };
  };

  test('without a certificate, with one of another authority, or when the broker has one: not trusted, by name', async () => {
    const [own, foreign] = [await issue('billing'), await issueForeign('billing')];
    const wrong = {
      none: { ca: own.ca },
      foreign: { ...foreign, ca: own.ca },
      'broker of another authority': { ...own, ca: foreign.ca },
    };
    for (const [name, ssl] of Object.entries(wrong)) {
      const bus = busOf(kafka.brokers, { ssl });
      const asked = await bus.health().then(
        () => 'trusted',
        (error: { code: string; message: string }) => [
          name,
          error.code,
          /rotate <id> certificates/.test(error.message),
        ],
      );
      expect(asked).toEqual([name, 'not_trusted', true]);
      await bus.close(1_000);
    }
    const bus = busOf(kafka.brokers, { ssl: admin });
    await bus.health();
    await bus.close(1_000);
  }, 180_000);

  test(
    'a service with wrong certificates runs, says so by line and metric, loses nothing, and goes on when they are mended',
    () =>
      stages.onStage(async (stage) => {
        const heard = listenIn();
        const bus = busOf(kafka.brokers, { ssl: { ...(await issueForeign('billing')), ca: admin.ca }, log: heard.log });
        const foreign = { relay: listenIn(), consumer: listenIn() };
        const consumer = heardConsumer(stage, foreign.consumer, bus);
        const relay = heardRelay(stage, foreign.relay, bus);
        await consumer.start();
        const account = newAccount();
        await takeStep(stage.source.db, account, 1);
        await until('lines', patience, async () => foreign.relay.said(/relay of a batch failed/).length > 0);
        await until('lines', patience, async () => foreign.consumer.said(/cannot join the event bus/).length > 0);
        expect(foreign.relay.said('relay of a batch failed, will be repeated')[0]).toMatchObject({
          level: 'error',
          err: { code: 'not_trusted', summary: expect.stringContaining('npm run region -- rotate') },
        });
        expect(foreign.consumer.said('cannot join the event bus, will try again')[0]).toMatchObject({
          level: 'error',
          err: { code: 'not_trusted' },
        });
        for (const each of Object.values(foreign))
          expect(await each.value('bus_failures_total', { code: 'not_trusted' })).toBeGreaterThan(0);
        expect(await foreign.consumer.value('consumer_joined', { group: stage.group })).toBe(0);
        expect((await sql`select 1 from outbox`.execute(stage.source.db.read)).rows).toHaveLength(1);
        expect(await readEffects(stage.target.db)).toEqual([]);

        // Recreated with the right ones.
        await Promise.all([relay.stop(), consumer.stop()]);
        await bus.close(1_000);
        const mended = busOf(kafka.brokers, { ssl: admin });
        heardRelay(stage, listenIn(), mended);
        const again = heardConsumer(stage, heard, mended);
        await again.start();
        await until('the event', patience, async () => (await readEffects(stage.target.db)).length === 1);
        expect(await heard.value('consumer_joined', { group: stage.group })).toBe(1);
        await again.stop();
        await mended.close(5_000);
      }),
    120_000,
  );

  test('the job makes topics and rights, and without rights a topic is reported with the job that mends it', async () => {
    const bus = busOf(kafka.brokers, { ssl: await issue('billing'), partitions: topicPartitions });
    const record = { topic: 'cn.billing.events', key: 'k', eventId: 'e', payload: '{}' };
    await expect(bus.publish([record])).rejects.toMatchObject({
      code: 'topic_missing',
      message: expect.stringMatching(/no right to see it: run the job kafka-prepare/),
    });
    await stages.declareTopics(['cn.unseen.events']);
    await expect(bus.publish([{ ...record, topic: 'cn.unseen.events' }])).rejects.toMatchObject({
      code: 'topic_missing',
      message: expect.stringContaining('kafka-prepare'),
    });
    expect(await prepare()).toMatchObject({
      status: 0,
      text: expect.stringContaining('topics and rights are as declared'),
    });
    await until('rights', patience, () => bus.publish([record]).then(() => true));
    await bus.close(1_000);
  }, 120_000);

  test('rights that are no longer declared are revoked, those of others stay', async () => {
    const old: Right[] = [
      { principal: 'User:billing', operation: 'READ', topic: 'cn.moderation.events' },
      { principal: 'User:gateway', operation: 'READ', group: 'gateway' },
    ];
    const others: Right[] = [
      { principal: 'User:auditor', operation: 'READ', topic: 'cn.billing.events' },
      { principal: 'User:billing', operation: 'READ', topic: 'global.identity.events' },
    ];
    const heldBy = (principal: string) =>
      kafka.ask('asking for rights', async (client) =>
        (await rulesOf(client, principal, rightsOfRegion('cn'))).filter(({ kept }) => !kept).map(({ name }) => name),
      );
    await kafka.ask('granting', (client) => allow(client, [...old, ...others]));
    await until('granted', patience, async () => (await heldBy('User:billing')).length === 2);
    expect(await prepare()).toMatchObject({ status: 0, text: expect.stringContaining('"revoked":2') });
    await until('revoked', patience, async () => (await heldBy('User:billing')).length === 1);
    expect([await heldBy('User:billing'), await heldBy('User:gateway'), await heldBy('User:auditor')]).toEqual([
      ['global.identity.events'],
      [],
      ['cn.billing.events'],
    ]);
    const kept = await kafka.ask('asking for rights', (client) =>
      rulesOf(client, 'User:billing', rightsOfRegion('cn')),
    );
    expect(kept.filter((rule) => rule.kept)).toHaveLength(
      rightsOfRegion('cn').filter(({ principal }) => principal === 'User:billing').length,
    );
  }, 120_000);

  test('settings that are not as declared are named, refused by the job, and mended by its `configure`', async () => {
    expect((await prepare()).status).toBe(0);
    expect((await prepare('check')).status).toBe(0);
    await kafka.ask('changing', (client) =>
      client.alterConfigs({
        validateOnly: false,
        resources: [
          { type: 2, name: 'cn.identity.events', configEntries: [{ name: 'retention.ms', value: '3600000' }] },
        ],
      }),
    );
    const sentence = 'retention.ms is 3600000, declared is -1';
    await until('the change', patience, async () => (await prepare('check')).status === 1);
    expect(await prepare('check')).toMatchObject({
      status: 1,
      text: expect.stringMatching(new RegExp(`differs +cn\\.identity\\.events: .*${sentence}`)),
    });
    const refused = await prepare();
    expect(refused).toMatchObject({ status: 1, text: expect.stringContaining(sentence) });
    expect(refused.text).toContain('kafka-prepare with configure');
    expect(await prepare('configure')).toMatchObject({ status: 0, text: 'configured cn.identity.events\n' });
    await until('mended', patience, async () => (await prepare('check')).status === 0);
    expect(await prepare('recreate', '--topic', 'cn.moderation.events')).toMatchObject({
      status: 0,
      text: `recreated cn.moderation.events with ${topicPartitions} partitions\n`,
    });
  }, 120_000);
});
