// Connections to PostgreSQL. Those that last are all alike: their times are limited, and none outlives a server that has fallen silent.
import pg from 'pg';
import type { Logger } from '../telemetry/log.ts';
import { nameStatements } from './named-statements.ts';
import { typesOfPool } from './types.ts';

export type ConnectionOptions = {
  url: string;
  applicationName: string;
  /** Milliseconds; default 15 000. */
  statementTimeoutMs?: number;
  /**
   * Every statement finds a few rows by an index, and is planned once for all its values. For tables that grow by orders of magnitude after the first
   * statements: a plan made while they were new reads them whole, and is kept until statistics are taken.
   */
  indexedOnly?: boolean;
};
export type PoolOptions = ConnectionOptions & { poolSize: number; log: Logger };

const plansByIndex = [
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'plan_cache_mode=force_generic_plan',
];

const settingsOf = ({
  url,
  applicationName,
  statementTimeoutMs = 15_000,
  indexedOnly = false,
}: ConnectionOptions): pg.ClientConfig => ({
  connectionString: url,
  application_name: applicationName,
  statement_timeout: statementTimeoutMs,
  // The client's own limit catches a server that no longer answers at all.
  query_timeout: statementTimeoutMs + 5_000,
  idle_in_transaction_session_timeout: 15_000,
  connectionTimeoutMillis: 5_000,
  // Finds idle connections to a host that vanished. Without the delay the kernel's counts: two hours.
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  types: typesOfPool,
  ...(indexedOnly && { options: plansByIndex.map((setting) => `-c ${setting}`).join(' ') }),
});

/**
 * pg rejects a query whose answer is overdue and no more: the connection would go back to its pool as a good one, where every later query waits behind
 * the first until the kernel gives up, a quarter of an hour later. It is ended, which the pool understands. What is asked of it after that (a
 * transaction's rollback above all, whose error would take the place of the first) fails for the same cause.
 */
const endWhenSilent = (client: pg.ClientBase & { end(): Promise<void> }): void => {
  const plain = client.query.bind(client) as (...all: unknown[]) => unknown;
  let silence: Error | undefined;
  const watched = (...all: unknown[]): unknown => {
    if (silence && typeof all.at(-1) !== 'function') return Promise.reject(silence);
    const answer = plain(...all);
    // With a callback there is no promise; so asks `pool.query`, which drops the connection of any error by itself.
    if (answer instanceof Promise)
      answer.catch((err: Error) => {
        if (err.message !== 'Query read timeout') return; // pg gives this error no code
        silence = err;
        void client.end();
      });
    return answer;
  };
  client.query = watched as typeof client.query;
};

/** A client, not yet connected. Times: connect 5 s, statement 15 s, idle in transaction 15 s. */
export const openClient = (options: ConnectionOptions): pg.Client => {
  const client = new pg.Client(settingsOf(options));
  endWhenSilent(client);
  return client;
};

/** Runs `work` on a connection of its own, which ends with it; a transaction left open is undone. For what runs once: jobs and checks at start. */
export const connected = async <T>(
  { url, queryTimeoutMs = 10_000 }: { url: string; queryTimeoutMs?: number },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> => {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    query_timeout: queryTimeoutMs,
  });
  client.on('error', () => undefined); // the running query fails with the same error
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

/** A pool of clients as `openClient` makes them; nothing is connected before the first query. */
export const openPool = ({ log, poolSize, ...options }: PoolOptions): pg.Pool => {
  const pool = new pg.Pool({ ...settingsOf(options), max: poolSize, idleTimeoutMillis: 30_000 });
  // A connection that is being closed may still hear that the server stops as well.
  pool.on('error', (err) => {
    if (!pool.ending) log.error({ err }, 'idle database connection lost');
  });
  // A connection that dies while checked out emits here; without a listener that would end the process.
  pool.on('connect', (client) => {
    client.on('error', (err) => {
      if (!pool.ending) log.warn({ err }, 'database connection lost');
    });
    endWhenSilent(client);
    nameStatements(client);
  });
  return pool;
};
