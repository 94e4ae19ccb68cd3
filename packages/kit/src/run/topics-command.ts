// The topics of a region on its Kafka cluster, as the code declares them. On a host: npm run topics; in a container: prepare-kafka.ts with
// the same words. A service never creates or changes a topic.
import { parseArgs } from 'node:util';
import { errorCode, errorMessage } from '../error-code.ts';
import { createKafkaAdmin, type KafkaAdmin } from '../events/kafka-admin.ts';
import { createKafkaClient, type KafkaConnection } from '../events/kafka-client.ts';
import { configureTopics, deleteTopic, ensureTopics } from '../events/kafka-topics.ts';
import { groupsOf, topicsOf } from '../events/topics.ts';
import { createLog } from '../telemetry/log.ts';

export const topicsHelp = `Topics of a region on its Kafka cluster, as the code declares them (packages/kit/src/events/topics.ts).

  npm run topics -- create     --region ID [--replicas N]   creates what is missing, checks the rest
  npm run topics -- check      --region ID                  changes nothing; ends with 1 when something is missing or not as declared
  npm run topics -- configure  --region ID                  gives topics that are there their declared settings (retention and the like)
  npm run topics -- recreate   --region ID --topic NAME     deletes a topic that holds no event and creates it as declared
             ... --drained     also one that holds events, when every group that reads it has handled all of them
             ... --unread      also one with events that are not handled: its service must publish them again (events republish)

Brokers: environment variable KAFKA_BROKERS (host:port,host:port) or --brokers. TLS: files in KAFKA_CA, KAFKA_CERT and KAFKA_KEY.
In a region's containers, where Kafka has no published port, the job kafka-prepare takes the same words (docs/operations.md).

--replicas: copies of each partition; default 3, or as many as there are brokers. The number of partitions is part of the order of an
account's events: a topic with another number than declared is refused, and never changed while it holds events. Stop the region's
services before \`recreate\`; their events wait in the outbox. When which way is right: docs/operations.md, "A topic with wrong partitions".
`;

/** Where the brokers are, for a command line; throws an error with code `usage`. */
export type Connect = (given: { brokers?: string | undefined }) => Pick<KafkaConnection, 'brokers' | 'ssl'>;
type Print = (line: string) => void;

export class UsageError extends Error {
  code = 'usage';
}

const options = {
  region: { type: 'string' },
  topic: { type: 'string' },
  drained: { type: 'boolean' },
  unread: { type: 'boolean' },
  replicas: { type: 'string' },
  brokers: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>['values'];
type Work = { admin: KafkaAdmin; values: Values; region: string; print: Print };

const replicasOf = ({ replicas }: Values) => {
  if (replicas === undefined) return {};
  if (!/^[1-9]$/.test(replicas)) throw new UsageError('--replicas must be a number from 1 to 9');
  return { replicas: Number(replicas) };
};

const ensure = async ({ admin, values, region, print }: Work, checkOnly: boolean): Promise<number> => {
  const states = await ensureTopics(admin, topicsOf(region), { ...replicasOf(values), checkOnly });
  for (const { name, state, differs } of states)
    print(`${state.padEnd(8)} ${name}${differs ? `: ${differs.join('; ')}` : ''}`);
  const missing = states.filter(({ state }) => state === 'missing').length;
  const wrong = states.filter(({ state }) => state === 'differs').length;
  if (missing > 0) print(`${missing} missing; create them with: npm run topics -- create --region ${region}`);
  if (wrong > 0) print(`${wrong} not as declared; mend them with: npm run topics -- configure --region ${region}`);
  return missing + wrong > 0 ? 1 : 0;
};

const configure = async ({ admin, region, print }: Work): Promise<number> => {
  const changed = await configureTopics(admin, topicsOf(region));
  for (const name of changed) print(`configured ${name}`);
  if (changed.length === 0) print('Every topic that is there has its declared settings.');
  return 0;
};

const recreate = async (work: Work): Promise<number> => {
  const { admin, values, region, print } = work;
  const names = topicsOf(region).map(({ name }) => name);
  const declared = topicsOf(region).find(({ name }) => name === values.topic);
  if (!declared) throw new UsageError(`--topic must be one of ${names.join(', ')}`);
  const groups = values.drained ? groupsOf(region, declared.name) : values.unread ? [] : undefined;
  await deleteTopic(admin, declared.name, groups);
  await ensureTopics(admin, [declared], replicasOf(values));
  print(`recreated ${declared.name} with ${declared.partitions} partitions`);
  return 0;
};

const commands: Readonly<Record<string, (work: Work) => Promise<number>>> = {
  create: (work) => ensure(work, false),
  check: (work) => ensure(work, true),
  configure,
  recreate,
};

/** Runs one command; answers the exit status: 0 done, 1 failed or not as declared, 2 wrong usage. */
export const runTopics = async (
  args: string[],
  of: { connect: Connect; region?: string | undefined },
  print: Print,
): Promise<number> => {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (values.help) {
      print(topicsHelp);
      return 0;
    }
    const command = commands[positionals[0] ?? ''];
    if (!command || positionals.length > 1) throw new UsageError(`expected one of ${Object.keys(commands).join(', ')}`);
    const region = values.region ?? of.region;
    if (!region || !/^[a-z]{2,12}$/.test(region)) throw new UsageError('--region is required, for example eu');
    const log = createLog({ service: 'topics', region, level: 'silent' });
    const admin = createKafkaAdmin(createKafkaClient({ ...of.connect(values), clientId: 'topics', log }));
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
