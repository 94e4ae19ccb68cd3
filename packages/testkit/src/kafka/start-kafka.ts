// Real brokers for tests: Apache Kafka in KRaft mode, one or three, in containers. Ports are chosen and advertised before the start, so a broker
// that is killed and started again is found where it was. Clients that use `proxied` reach the brokers through a TCP proxy that tests command.
import { randomBytes } from 'node:crypto';
import { createKafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { pino } from 'pino';
import { type StartedTestContainer, Wait } from 'testcontainers';
import {
  engine,
  labelsOf,
  removeContainers,
  sweepContainers,
  withoutRyukIfMissing,
} from '../containers/container-engine.ts';
import { LoopbackContainer } from '../containers/loopback-container.ts';
import { freePort } from '../free-port.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import { waitFor } from '../wait-for.ts';

export const kafkaImage = (version = '4.1.1') => `apache/kafka:${version}`;

type Broker = { id: number; port: number; upstream: number; proxy: TcpProxy; container: StartedTestContainer };

// Base64 of 16 bytes, as the storage tool wants it; a cluster of a test lives alone in its network.
const clusterId = '5L6g3nShT-eMCtK--X86sw';

/** Keys for a broker that takes TLS with client certificates alone, in PEM; a principal is the common name, as in infra/compose/region.yml. */
export type BrokerTls = {
  /** The broker's key and certificate, one after the other, for `localhost`. */
  readonly keystore: string;
  readonly ca: string;
  readonly superUsers: readonly string[];
  /** For the test's own questions to the broker, as one of `superUsers`. */
  readonly client: { readonly key: string; readonly cert: string; readonly ca: string };
};

export type KafkaStart = {
  readonly brokers: 1 | 3;
  readonly version?: string;
  /** Broker settings besides the usual ones, as the image's variables. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Puts the data on a disk of this many megabytes. The broker is started again when it ends by itself, as `restart: unless-stopped` would. */
  readonly diskMegabytes?: number;
  readonly tls?: BrokerTls;
};

/** What a single production node has (infra/compose/region.yml): what is acknowledged is on the disk. */
export const flushedPerMessage = { KAFKA_LOG_FLUSH_INTERVAL_MESSAGES: '1' };

const dataFolder = '/var/lib/kafka/data';
/** For a broker on a small disk: a folder that the image lacks gets the mode asked for. */
export const smallDisk = '/small-disk';
const secretsFolder = '/etc/kafka/secrets';

const tlsSettings = ({ superUsers }: BrokerTls): Record<string, string> => ({
  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'INTERNAL:PLAINTEXT,PLAINTEXT:SSL,PROXIED:SSL,CONTROLLER:PLAINTEXT',
  KAFKA_SSL_KEYSTORE_TYPE: 'PEM',
  KAFKA_SSL_KEYSTORE_LOCATION: `${secretsFolder}/keystore.pem`,
  KAFKA_SSL_TRUSTSTORE_TYPE: 'PEM',
  KAFKA_SSL_TRUSTSTORE_LOCATION: `${secretsFolder}/ca.crt`,
  KAFKA_SSL_CLIENT_AUTH: 'required',
  KAFKA_SSL_PRINCIPAL_MAPPING_RULES: 'RULE:^CN=([a-z-]+)$/$1/,DEFAULT',
  KAFKA_AUTHORIZER_CLASS_NAME: 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  // Between broker and controller, inside the container, there is no TLS: its principal is anonymous.
  KAFKA_SUPER_USERS: ['ANONYMOUS', ...superUsers].map((name) => `User:${name}`).join(';'),
});

const environment = (count: number, id: number, port: number, proxied: number): Record<string, string> => {
  const host = (n: number) => (count === 1 ? 'localhost' : `kafka-${n}`);
  const copies = String(count);
  return {
    CLUSTER_ID: clusterId,
    KAFKA_NODE_ID: String(id),
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'INTERNAL://:19092,PLAINTEXT://:9092,PROXIED://:9095,CONTROLLER://:9093',
    KAFKA_ADVERTISED_LISTENERS: `INTERNAL://${host(id)}:19092,PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${proxied}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP:
      'INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
    KAFKA_INTER_BROKER_LISTENER_NAME: 'INTERNAL',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_CONTROLLER_QUORUM_VOTERS: Array.from({ length: count }, (_, i) => `${i + 1}@${host(i + 1)}:9093`).join(','),
    KAFKA_LOG_DIRS: dataFolder,
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: copies,
    KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '3',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: copies,
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: copies,
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
    // A reordered list of replicas moves the leader within a second or two.
    KAFKA_AUTO_LEADER_REBALANCE_ENABLE: 'true',
    KAFKA_LEADER_IMBALANCE_CHECK_INTERVAL_SECONDS: '1',
    KAFKA_LEADER_IMBALANCE_PER_BROKER_PERCENTAGE: '0',
    // A killed broker is noticed soon.
    KAFKA_BROKER_SESSION_TIMEOUT_MS: '6000',
    KAFKA_BROKER_HEARTBEAT_INTERVAL_MS: '500',
    KAFKA_REPLICA_LAG_TIME_MAX_MS: '6000',
    KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE: '2097152',
    KAFKA_HEAP_OPTS: '-Xms256m -Xmx256m',
    KAFKA_JVM_PERFORMANCE_OPTS: '-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto',
  };
};

/** An earlier try started it after all. */
const unlessRunning = (error: { statusCode?: number }): boolean => {
  if (error.statusCode === 304) return true;
  throw error;
};

export type RunningKafka = Awaited<ReturnType<typeof startKafka>>;

/** Starts the brokers and resolves when all of them answer. Needs a container engine that has the image (`npm run images`). */
export const startKafka = async ({ brokers: count, version, settings = {}, diskMegabytes, tls }: KafkaStart) => {
  await withoutRyukIfMissing();
  await sweepContainers();
  const docker = await engine();
  const network = `meridian-test-${randomBytes(4).toString('hex')}`;
  const labels = labelsOf(network);
  if (count > 1) await docker.createNetwork({ Name: network, Labels: labels });
  const brokers = new Map<number, Broker>();
  const ids = Array.from({ length: count }, (_, i) => i + 1);

  const startContainer = async (id: number, port: number, upstream: number, proxied: number) => {
    const container = new LoopbackContainer(kafkaImage(version))
      .withEnvironment({ ...environment(count, id, port, proxied), ...(tls && tlsSettings(tls)), ...settings })
      .withLabels(labels)
      .withExposedPorts({ container: 9092, host: port }, { container: 9095, host: upstream })
      // The broker is asked itself, below: its log is not the same in every image.
      .withWaitStrategy(Wait.forSuccessfulCommand('true'))
      .withStartupTimeout(120_000);
    if (count > 1) container.withNetworkMode(network).withNetworkAliases(`kafka-${id}`);
    if (tls)
      container.withCopyContentToContainer([
        { content: tls.keystore, target: `${secretsFolder}/keystore.pem`, mode: 0o644 },
        { content: tls.ca, target: `${secretsFolder}/ca.crt`, mode: 0o644 },
      ]);
    if (diskMegabytes !== undefined)
      // A memory file system goes with its container, so the broker is started again inside of it.
      container
        .withTmpFs({ [smallDisk]: `rw,mode=1777,size=${diskMegabytes}m` })
        .withEnvironment({ KAFKA_LOG_DIRS: `${smallDisk}/data` })
        .withCommand(['bash', '-c', 'while :; do /etc/kafka/docker/run; sleep 1; done']);
    return container.start();
  };
  /** A port can be taken between being found free and being bound. */
  const startBroker = async (id: number) => {
    for (let tries = 1; ; tries += 1) {
      const [port, upstream] = [await freePort(), await freePort()];
      let proxy: TcpProxy | undefined;
      try {
        proxy = await startTcpProxy({ port: await freePort(), target: { port: upstream, host: '127.0.0.1' } });
        brokers.set(id, { id, port, upstream, proxy, container: await startContainer(id, port, upstream, proxy.port) });
        return;
      } catch (error) {
        await proxy?.close();
        if (tries >= 3) throw error;
      }
    }
  };
  await Promise.all(ids.map(startBroker));
  const broker = (id: number): Broker => {
    const found = brokers.get(id);
    if (!found) throw new Error(`there is no broker ${id}`);
    return found;
  };
  const addresses = (port: (one: Broker) => number) => ids.map((id) => `127.0.0.1:${port(broker(id))}`);
  const direct = addresses(({ port }) => port);
  const container = (id: number) => docker.getContainer(broker(id).container.getId());

  const log = pino({ level: 'silent' });
  const clientOf = (addressed: readonly string[]) =>
    createKafkaClient({ brokers: addressed, clientId: 'testkit', log, ...(tls && { ssl: tls.client }) });
  const admin = createKafkaAdmin(clientOf(direct), 20_000);
  const allAnswer = () =>
    waitFor(
      async () =>
        (await admin.ask('asking the brokers', (client) => client.describeCluster())).brokers.length === count,
      { timeoutMs: 180_000, everyMs: 200 },
    );
  const stop = async () => {
    await admin.close(2_000);
    await Promise.all([...brokers.values()].map(({ proxy }) => proxy.close()));
    await removeContainers(network);
  };
  await allAnswer().catch(async (error: unknown) => {
    await stop();
    throw error;
  });

  const partition = async (topic: string, number: number) => {
    const { topics } = await admin.ask('asking for a leader', (client) =>
      client.fetchTopicMetadata({ topics: [topic] }),
    );
    const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === number);
    if (!found) throw new Error(`there is no partition ${topic}/${number}`);
    return found;
  };
  const leaderOf = async (topic: string, number: number) => (await partition(topic, number)).leader;
  type Partition = Awaited<ReturnType<typeof partition>>;
  /** Resolves when each broker, asked by itself, knows a partition as wanted. */
  const onEveryBroker = async (topic: string, wanted: (known: Partition) => boolean): Promise<void> => {
    const ask = async (address: string) => {
      // A new client's first question goes to the one broker that it was told of.
      const one = createKafkaAdmin(clientOf([address]));
      const answer = one.ask('asking for a topic', (client) => client.fetchTopicMetadata({ topics: [topic] }));
      return answer
        .then(({ topics }) => topics.some(({ partitions }) => partitions.some(wanted)))
        .finally(() => one.close(2_000));
    };
    await Promise.all(direct.map((address) => waitFor(() => ask(address), { timeoutMs: 60_000, everyMs: 100 })));
  };

  return {
    /** Addresses of the brokers. */
    brokers: direct,
    /** The same brokers through the proxies. */
    proxied: addresses(({ proxy }) => proxy.port),
    proxies: ids.map((id) => broker(id).proxy),
    proxyOf: (id: number) => broker(id).proxy,
    /** SIGKILL. What was acknowledged stays in the container's volume. */
    kill: async (id = 1) => void (await container(id).kill({ signal: 'SIGKILL' })),
    /** Starts a killed broker on its data; resolves when all brokers answer. */
    restart: async (id = 1) => {
      // The engine may not have given the killed one's ports back yet.
      await waitFor(
        () =>
          container(id)
            .start()
            .then(() => true, unlessRunning),
        { timeoutMs: 60_000, everyMs: 500 },
      );
      await allAnswer();
    },
    /** Runs a command in a broker's container; answers what it printed. */
    execute: async (command: string[], id = 1): Promise<string> => {
      const { exitCode, output } = await broker(id).container.exec(command);
      if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}: ${output}`);
      return output;
    },
    /** Resolves when all brokers answer. */
    answers: allAnswer,
    /** Replaces a single broker by an empty one at the same address: topics, rights, offsets and events are gone. */
    replaceByEmpty: async () => {
      const { port, upstream, proxy, container: old } = broker(1);
      await docker.getContainer(old.getId()).remove({ force: true, v: true });
      broker(1).container = await startContainer(1, port, upstream, proxy.port);
      await allAnswer();
    },
    pause: async (id = 1) => void (await container(id).pause()),
    unpause: async (id = 1) => void (await container(id).unpause()),
    leaderOf,
    /** Resolves when every broker knows the topic: they learn of a new one one after the other. */
    knownEverywhere: (topic: string): Promise<void> => onEveryBroker(topic, () => true),
    /** Moves the leadership of a partition to another broker (`to`, or the next replica); resolves when every broker knows it. Answers its id. */
    moveLeader: async (topic: string, number: number, to?: number): Promise<number> => {
      const { leader, replicas } = await partition(topic, number);
      const next = to ?? replicas.find((replica) => replica !== leader);
      if (next === undefined) throw new Error(`${topic}/${number} has one replica only`);
      const order = [next, ...replicas.filter((id) => id !== next)];
      await admin.ask('moving a leader', (client) =>
        client.alterPartitionReassignments({
          topics: [{ topic, partitionAssignment: [{ partition: number, replicas: order }] }],
        }),
      );
      await onEveryBroker(topic, (known) => known.partitionId === number && known.leader === next);
      return next;
    },
    /** For what a test wants to know or set besides. */
    ask: admin.ask,
    stop,
  };
};
