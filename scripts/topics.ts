// npm run topics: the topics of a region on its Kafka cluster, as the code declares them. A service never creates or changes one.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { errorCode, errorMessage } from '@meridian/kit/error-code.ts';
import { createKafkaAdmin, type KafkaAdmin } from '@meridian/kit/events/kafka-admin.ts';
import { createKafkaClient } from '@meridian/kit/events/kafka-client.ts';
import { deleteEmptyTopic, ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { topicsOf } from '@meridian/kit/events/topics.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';

export const help = `Topics of a region on its Kafka cluster, as the code declares them (packages/kit/src/events/topics.ts).

  npm run topics -- create    --region ID [--replicas N]   creates what is missing, checks the rest
  npm run topics -- check     --region ID                  changes nothing; ends with 1 when something is missing or wrong
  npm run topics -- recreate  --region ID --topic NAME     deletes a topic that holds no event and creates it as declared

Brokers: environment variable KAFKA_BROKERS (host:port,host:port) or --brokers. TLS: files in KAFKA_CA, KAFKA_CERT and KAFKA_KEY.

--replicas: copies of each partition; default 3, or as many as there are brokers. The number of partitions is part of the order of an
account's events: a topic with another number than declared is refused, and never changed while it holds events. Stop the region's
services before \`recreate\`; their events wait in the outbox.
`;

class UsageError extends Error {
  code = 'usage';
}

const options = {
  region: { type: 'string' },
  topic: { type: 'string' },
  replicas: { type: 'string' },
  brokers: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>['values'];
type Print = (line: string) => void;
type Work = { admin: KafkaAdmin; values: Values; region: string; print: Print };

const replicasOf = ({ replicas }: Values) => {
  if (replicas === undefined) return {};
  if (!/^[1-9]$/.test(replicas)) throw new UsageError('--replicas must be a number from 1 to 9');
  return { replicas: Number(replicas) };
};

const ensure = async ({ admin, values, region, print }: Work, checkOnly: boolean): Promise<number> => {
  const states = await ensureTopics(admin, topicsOf(region), { ...replicasOf(values), checkOnly });
  for (const { name, state } of states) print(`${state.padEnd(8)} ${name}`);
  const missing = states.filter(({ state }) => state === 'missing').length;
  if (missing > 0) print(`${missing} missing; create them with: npm run topics -- create --region ${region}`);
  return missing > 0 ? 1 : 0;
};

const recreate = async (work: Work): Promise<number> => {
  const { admin, values, region, print } = work;
  const declared = topicsOf(region).find(({ name }) => name === values.topic);
  if (!declared)
    throw new UsageError(
      `--topic must be one of ${topicsOf(region)
        .map(({ name }) => name)
        .join(', ')}`,
    );
  await deleteEmptyTopic(admin, declared.name);
  await ensureTopics(admin, [declared], replicasOf(values));
  print(`recreated ${declared.name} with ${declared.partitions} partitions`);
  return 0;
};

const commands: Readonly<Record<string, (work: Work) => Promise<number>>> = {
  create: (work) => ensure(work, false),
  check: (work) => ensure(work, true),
  recreate,
};

const tlsOf = (env: Record<string, string | undefined>) => {
  const { KAFKA_CA, KAFKA_CERT, KAFKA_KEY } = env;
  if (!KAFKA_CA && !KAFKA_CERT && !KAFKA_KEY) return undefined;
  if (!KAFKA_CA || !KAFKA_CERT || !KAFKA_KEY) throw new UsageError('KAFKA_CA, KAFKA_CERT and KAFKA_KEY go together');
  const read = (file: string) => readFileSync(file, 'utf8');
  return { ca: read(KAFKA_CA), cert: read(KAFKA_CERT), key: read(KAFKA_KEY) };
};

/** Runs one command; answers the exit status: 0 done, 1 failed or not as declared, 2 wrong usage. */
export const runTopics = async (
  args: string[],
  env: Record<string, string | undefined>,
  print: Print,
): Promise<number> => {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (values.help) {
      print(help);
      return 0;
    }
    const command = commands[positionals[0] ?? ''];
    if (!command || positionals.length > 1) throw new UsageError(`expected one of ${Object.keys(commands).join(', ')}`);
    const region = values.region;
    if (!region || !/^[a-z]{2,12}$/.test(region)) throw new UsageError('--region is required, for example eu');
    const brokers = (values.brokers ?? env.KAFKA_BROKERS ?? '').split(',').filter((broker) => broker !== '');
    if (brokers.length === 0) throw new UsageError('KAFKA_BROKERS (or --brokers) is required');
    const log = createLog({ service: 'topics', region, level: 'silent' });
    const ssl = tlsOf(env);
    const admin = createKafkaAdmin(createKafkaClient({ brokers, clientId: 'topics', log, ...(ssl && { ssl }) }));
    try {
      return await command({ admin, values, region, print });
    } finally {
      await admin.close(2_000);
    }
  } catch (error) {
    const code = errorCode(error) ?? '';
    const usage = code === 'usage' || code.startsWith('ERR_PARSE_ARGS');
    print(`topics: ${errorMessage(error)}`);
    if (usage) print('See: npm run topics -- --help');
    return usage ? 2 : 1;
  }
};

if (import.meta.main)
  process.exitCode = await runTopics(process.argv.slice(2), process.env, (line) => console.log(line));
