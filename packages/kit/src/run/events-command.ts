// What is parked in one service's database, what a person decides about it, and sending published events again. On a host: npm run events; in a
// service's container, which knows its database: node packages/kit/src/run/events-command.ts.
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { parseConfig } from '../config/config.ts';
import { secret } from '../config/values.ts';
import { createDatabase, type Database } from '../db/database.ts';
import type { KitSchema } from '../db/schema.ts';
import { errorCode, errorMessage } from '../error-code.ts';
import { consumersParking, listParked, openStates, type ParkedEvent } from '../events/parking.ts';
import { acceptGap, discardParked, replayParked } from '../events/parking-decisions.ts';
import { republish } from '../events/published.ts';
import { createLog } from '../telemetry/log.ts';

export const eventsHelp = `Events of one service: what is parked, and what was published.

  npm run events -- list        [--account ID] [--consumer NAME] [--all] [--limit N] [--json]
  npm run events -- replay      --account ID --by NAME [--consumer NAME]
  npm run events -- discard     --id N --by NAME --reason TEXT
  npm run events -- accept-gap  --account ID --by NAME --reason TEXT [--consumer NAME]
  npm run events -- republish   --since TIME [--account ID]  or  --account ID

Connection: environment variable DATABASE_URL, or --database-url URL (visible to others on this machine). In a service's container, which
knows its database: node packages/kit/src/run/events-command.ts list (and so on).

A parked event could not be applied; later events of its account wait behind it, other accounts go on. \`replay\` queues the account's events;
the running service applies them in order within a second and parks again what still fails: look with \`list\`.
A held event came before an earlier one of its account. It goes on by itself when that one arrives; \`accept-gap\` says that it never will.
An event of state unknown waits for a version of the service that knows its type, which takes it up by itself; nothing waits behind it.
\`discard\` gives up one event for ever; then replay what waited behind it. Who decided, when and why stays on record (\`list --all\`).
\`republish\` is for a bus that lost events: the publishing service sends again what it published since TIME (2026-11-22T10:00:00Z), or of an
account; it keeps 14 days. Consumers know what they have had: too early a time costs nothing but work.
`;

class UsageError extends Error {
  code = 'usage';
}

const options = {
  'database-url': { type: 'string' },
  account: { type: 'string' },
  consumer: { type: 'string' },
  by: { type: 'string' },
  reason: { type: 'string' },
  id: { type: 'string' },
  limit: { type: 'string' },
  since: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>['values'];
type Print = (line: string) => void;
type Db = Database<KitSchema>;

const required = (values: Values, name: 'account' | 'by' | 'reason' | 'id'): string => {
  const value = values[name]?.trim();
  if (!value) throw new UsageError(`--${name} is required`);
  return value;
};

const wholeNumber = (text: string, name: string): bigint => {
  if (!/^[1-9][0-9]{0,17}$/.test(text)) throw new UsageError(`--${name} must be a whole number above zero`);
  return BigInt(text);
};

const timeOf = (text: string): Date => {
  // With its zone, or two people would mean two times.
  if (
    !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text) ||
    Number.isNaN(Date.parse(text))
  )
    throw new UsageError('--since must be a time like 2026-11-22T10:00:00Z');
  return new Date(text);
};

const lineOf = (event: ParkedEvent): string => {
  const decision = event.decidedBy
    ? ` | ${event.decidedBy} ${event.decidedAt?.toISOString() ?? ''} ${event.reason ?? ''}`.trimEnd()
    : '';
  return `${event.id} ${event.state} ${event.consumer} ${event.accountId} ${event.type} #${event.seq ?? '?'} since ${event.parkedAt.toISOString()} tried ${event.attempts}: ${event.error}${decision}`;
};

const list = async (db: Db, values: Values, print: Print): Promise<number> => {
  const limit = Number(wholeNumber(values.limit ?? '100', 'limit'));
  const states = values.all ? [...openStates, 'applied' as const, 'discarded' as const] : openStates;
  const found = await listParked(db, {
    accountId: values.account,
    consumer: values.consumer,
    states,
    limit,
    payloads: values.json,
  });
  if (values.json)
    print(JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2));
  else for (const event of found) print(lineOf(event));
  if (!values.json) print(found.length === 0 ? 'Nothing is parked.' : `${found.length} shown.`);
  return 0;
};

/** The consumers that have open events of the account; a database usually has one. */
const consumersOf = async (db: Db, values: Values, accountId: string): Promise<string[]> =>
  values.consumer ? [values.consumer] : consumersParking(db, accountId);

const perConsumer = async (
  db: Db,
  values: Values,
  print: Print,
  decide: (consumer: string) => Promise<number>,
): Promise<number> => {
  const accountId = required(values, 'account');
  let queued = 0;
  for (const consumer of await consumersOf(db, values, accountId)) queued += await decide(consumer);
  print(
    queued === 0 ? 'Nothing to do for this account.' : `${queued} queued; the running service applies them in order.`,
  );
  return queued === 0 ? 1 : 0;
};

const commands: Record<string, (db: Db, values: Values, print: Print) => Promise<number>> = {
  list,
  replay: (db, values, print) => {
    const decision = { accountId: required(values, 'account'), by: required(values, 'by') };
    return perConsumer(db, values, print, (consumer) => replayParked(db, { ...decision, consumer }));
  },
  'accept-gap': (db, values, print) => {
    const decision = {
      accountId: required(values, 'account'),
      by: required(values, 'by'),
      reason: required(values, 'reason'),
    };
    return perConsumer(db, values, print, (consumer) => acceptGap(db, { ...decision, consumer }));
  },
  republish: async (db, values, print) => {
    if (!values.since && !values.account) throw new UsageError('--since or --account is required');
    const since = values.since === undefined ? undefined : timeOf(values.since);
    const count = await republish(db, { since, accountId: values.account });
    print(
      count === 0
        ? 'Nothing that is kept fits.'
        : `${count} queued; the running service publishes them again, in order.`,
    );
    return count === 0 ? 1 : 0;
  },
  discard: async (db, values, print) => {
    const decision = {
      id: wholeNumber(required(values, 'id'), 'id'),
      by: required(values, 'by'),
      reason: required(values, 'reason'),
    };
    const done = await discardParked(db, decision);
    print(done ? 'Discarded. Replay the account if events wait behind it.' : 'No parked event has this id.');
    return done ? 0 : 1;
  },
};

/** The address of the database: on the command line, in the environment, or where a container keeps its secrets. */
const databaseUrl = (values: Values, env: NodeJS.ProcessEnv): string => {
  const url = values['database-url'] ?? parseConfig(z.object({ DATABASE_URL: secret.optional() }), env).DATABASE_URL;
  if (!url) throw new UsageError('DATABASE_URL (or --database-url) is required');
  return url;
};

/** Runs one command; answers the exit status: 0 done, 1 nothing to do or failed, 2 wrong usage. */
export const runEvents = async (
  args: string[],
  env: Record<string, string | undefined>,
  print: Print,
): Promise<number> => {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const command = commands[positionals[0] ?? ''];
    if (values.help) {
      print(eventsHelp);
      return 0;
    }
    if (!command || positionals.length > 1) throw new UsageError(`expected one of ${Object.keys(commands).join(', ')}`);
    const url = databaseUrl(values, env);
    const log = createLog({ service: 'events', region: 'any', level: 'silent' });
    const db = createDatabase<KitSchema>({ url, poolSize: 1, log, applicationName: 'events-cli' });
    try {
      return await command(db, values, print);
    } finally {
      await db.close();
    }
  } catch (error) {
    const code = errorCode(error) ?? '';
    const usage = code === 'usage' || code.startsWith('ERR_PARSE_ARGS');
    print(`events: ${errorMessage(error)}`);
    if (usage) print('See: npm run events -- --help');
    return usage ? 2 : 1;
  }
};

if (import.meta.main)
  process.exitCode = await runEvents(process.argv.slice(2), process.env, (line) => console.log(line));
