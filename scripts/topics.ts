// npm run topics: the topics of a region, from a machine that reaches its brokers. The commands are kit's, so that containers have them too.
import { readFileSync } from 'node:fs';
import { type Connect, runTopics as run, topicsHelp, UsageError } from '@meridian/kit/run/topics-command.ts';

export const help = topicsHelp;

type Env = Record<string, string | undefined>;

const tlsOf = (env: Env) => {
  const { KAFKA_CA, KAFKA_CERT, KAFKA_KEY } = env;
  if (!KAFKA_CA && !KAFKA_CERT && !KAFKA_KEY) return undefined;
  if (!KAFKA_CA || !KAFKA_CERT || !KAFKA_KEY) throw new UsageError('KAFKA_CA, KAFKA_CERT and KAFKA_KEY go together');
  const read = (file: string) => readFileSync(file, 'utf8');
  return { ca: read(KAFKA_CA), cert: read(KAFKA_CERT), key: read(KAFKA_KEY) };
};

const connectBy =
  (env: Env): Connect =>
  (given) => {
    const brokers = (given.brokers ?? env.KAFKA_BROKERS ?? '').split(',').filter((broker) => broker !== '');
    if (brokers.length === 0) throw new UsageError('KAFKA_BROKERS (or --brokers) is required');
    const ssl = tlsOf(env);
    return { brokers, ...(ssl && { ssl }) };
  };

/** Runs one command; answers the exit status: 0 done, 1 failed or not as declared, 2 wrong usage. */
export const runTopics = (args: string[], env: Env, print: (line: string) => void): Promise<number> =>
  run(args, { connect: connectBy(env) }, print);

if (import.meta.main)
  process.exitCode = await runTopics(process.argv.slice(2), process.env, (line) => console.log(line));
