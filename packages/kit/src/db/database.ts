// One service's database: a pool of connections, transactions that retry, and a guard against queries that miss their transaction.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Kysely, PostgresDialect, type PostgresPool, type Transaction } from 'kysely';
import type pg from 'pg';
import { errorCode } from '../error-code.ts';
import { openClient, openPool, type PoolOptions } from './connections.ts';

/** A running transaction. It cannot open another; use cases take it as their first argument. */
export type Tx<S> = Omit<Transaction<S>, 'transaction' | 'startTransaction' | 'connection' | 'destroy'>;

export type TransactionOptions = { isolation?: 'serializable' | 'repeatable read' };

export interface Database<S> {
  /** Single statements outside a transaction. Throws `nested_transaction` inside one of this database. */
  readonly read: Kysely<S>;
  /** Runs `work` in a transaction, up to 4 times if it loses a deadlock or serialization race; `work` must have no other effects. */
  transaction<T>(work: (tx: Tx<S>) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Calls `listener` after every commit; returns the function that ends it. */
  onCommit(listener: () => void): () => void;
  /** A connection of its own outside the pool, not yet connected; the caller ends it (for session locks). */
  dedicated(applicationName: string): pg.Client;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

export type DatabaseOptions = PoolOptions & { onCommit?: () => void };

/** `nested_transaction`: a query went around the running transaction. A programming error. */
export class NestedTransactionError extends Error {
  override name = 'NestedTransactionError';
  code = 'nested_transaction';
}

// serialization_failure and deadlock_detected: https://www.postgresql.org/docs/18/mvcc-serialization-failure-handling.html
const retryable = new Set(['40001', '40P01']);
const retries = 3;

/** Opens a pool (connections.ts has its limits); nothing is connected before the first query. */
export const createDatabase = <S>(options: DatabaseOptions): Database<S> => {
  const { log } = options;
  const pool = openPool(options);

  const running = new AsyncLocalStorage<{ active: boolean }>();
  const refuseInside = () => {
    if (running.getStore()?.active)
      throw new NestedTransactionError(
        'a query of this database went around its running transaction; use the tx that was passed in',
      );
  };
  const guarded: PostgresPool = {
    connect: async () => {
      refuseInside();
      return pool.connect();
    },
    end: () => pool.end(),
    options: pool.options,
  };
  const kysely = new Kysely<S>({ dialect: new PostgresDialect({ pool: guarded }) });

  const listeners = new Set<() => void>(options.onCommit ? [options.onCommit] : []);
  const committed = () => {
    for (const listener of listeners) listener();
  };

  const attempt = async <T>(
    work: (tx: Tx<S>) => Promise<T>,
    isolation: TransactionOptions['isolation'],
  ): Promise<T> => {
    const builder = isolation ? kysely.transaction().setIsolationLevel(isolation) : kysely.transaction();
    const scope = { active: true };
    return builder
      .execute((tx) => running.run(scope, () => work(tx)))
      .finally(() => {
        scope.active = false;
      });
  };

  return {
    get read() {
      refuseInside();
      return kysely;
    },
    transaction: async (work, { isolation } = {}) => {
      refuseInside();
      for (let tried = 0; ; tried += 1) {
        try {
          const result = await attempt(work, isolation);
          committed();
          return result;
        } catch (err) {
          if (tried >= retries || !retryable.has(errorCode(err) ?? '')) throw err;
          log.debug({ code: errorCode(err), tried }, 'transaction retried');
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * 2 ** tried));
        }
      }
    },
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    dedicated: (applicationName) => openClient({ ...options, applicationName }),
    pool,
    close: () => pool.end(),
  };
};
