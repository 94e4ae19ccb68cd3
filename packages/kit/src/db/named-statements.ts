// Statements that are planned once per connection. Planning a join costs PostgreSQL more than running it on a batch of rows.
import type pg from 'pg';

const mark = /^\/\* statement: ([a-z0-9-]{1,40}) \*\//;

/**
 * Makes `client` prepare what begins with a comment of the form "statement: key-facts" (in SQL's comment signs) under that name, once. One
 * name stands for one text: PostgreSQL keeps the plan for as long as the connection lives. Nothing else changes.
 */
export const nameStatements = (client: pg.ClientBase): void => {
  const plain = client.query.bind(client) as (...all: unknown[]) => unknown;
  const named = (text: unknown, values: unknown, ...rest: unknown[]): unknown => {
    const name = typeof text === 'string' && text.startsWith('/* ') ? mark.exec(text)?.[1] : undefined;
    return name === undefined ? plain(text, values, ...rest) : plain({ name, text, values }, ...rest);
  };
  client.query = named as typeof client.query;
};
