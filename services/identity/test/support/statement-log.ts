// The SQL that a request ran before it was answered: what its time depends on, without measuring any. Jobs beside the requests do not count.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import pg from 'pg';

const header = 'x-statement-log';
const requestStart = 'http.server.request.start';

/** Start it before the service, whose connections it is to hear. */
export const startStatementLog = () => {
  const current = new AsyncLocalStorage<string[]>();
  const logs = new Map<string, string[]>();
  const began = (message: unknown) => {
    const { request } = message as { request: IncomingMessage };
    const id = request.headers[header];
    const log: string[] = [];
    if (typeof id === 'string') logs.set(id, log);
    current.enterWith(log);
  };
  subscribe(requestStart, began);
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const [first] = args as [string | { text: string }];
    current.getStore()?.push(typeof first === 'string' ? first : first.text);
    return (query as (...all: unknown[]) => unknown).apply(this, args);
  } as typeof query;
  return {
    /** Headers of a request that is to be logged, and what it had run by now. */
    next: () => {
      const id = randomUUID();
      return { headers: { [header]: id }, statements: () => [...(logs.get(id) ?? [])] };
    },
    stop: () => {
      unsubscribe(requestStart, began);
      pg.Client.prototype.query = query;
    },
  };
};
export type StatementLog = ReturnType<typeof startStatementLog>;
