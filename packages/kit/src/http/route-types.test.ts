// What the type check must accept and refuse of a handler; the expected errors are checked by tsc, the run proves the bindings.
import { expect, test } from '@jest/globals';
import { endpoint } from '@meridian/contracts/endpoint.ts';
import { pino } from 'pino';
import { z } from 'zod';
import type { Handler } from './handler.ts';
import { route } from './route.ts';
import { createServer } from './server.ts';

const server = () =>
  createServer({
    service: 'identity',
    region: 'cn',
    log: pino({ level: 'silent' }),
    now: () => new Date(),
    trustedProxies: [],
    corsOrigins: [],
    listener: 'public',
    production: true,
    idempotency: { read: {} },
    verifyUser: async () => ({ accountId: 'a', sessionId: 's' }),
  });

const order = endpoint({
  id: 'order',
  service: 'identity',
  method: 'POST',
  path: '/v1/orders/{name}',
  summary: 'Order',
  auth: { kind: 'user' },
  idempotent: true,
  params: z.strictObject({ name: z.string() }),
  answers: { 200: z.strictObject({ list: z.array(z.strictObject({ kind: z.enum(['a', 'b']) })) }), 202: null },
  problems: [],
});
const database = { transaction: async <T>(work: (tx: { rows: 1 }) => Promise<T>): Promise<T> => work({ rows: 1 }) };

test('parts, caller and answers are inferred from the endpoint, without casts', () => {
  const first = server();
  route(first, order, async ({ params, auth, idempotency }) => {
    if (params.name === 'later') return { status: 202 };
    if (params.name === 'now')
      return idempotency.commit(database, async (tx) => ({
        status: 200,
        body: { list: [{ kind: tx.rows === 1 ? 'a' : 'b' }] },
      }));
    return { status: 200, body: { list: [{ kind: auth.accountId === 'x' ? 'a' : 'b' }] } };
  });
  const apart: Handler<typeof order> = async () => ({ status: 202 });
  const second = server();
  route(second, order, apart);
  expect([...first.endpoints(), ...second.endpoints()].map((e) => e.id)).toEqual(['order', 'order']);
});

test('an undeclared status, a wrong body and an undeclared part do not compile', () => {
  // @ts-expect-error 204 is not declared
  route(server(), order, async () => ({ status: 204 }));
  // @ts-expect-error 'c' is no kind
  route(server(), order, async () => ({ status: 200, body: { list: [{ kind: 'c' }] } }));
  // @ts-expect-error there is no such parameter
  route(server(), order, async ({ params }) => ({ status: params.nothing ? 202 : 202 }));
  // @ts-expect-error a user is no staff
  route(server(), order, async ({ auth }) => ({ status: auth.staffId ? 202 : 202 }));
  expect(server().endpoints()).toEqual([]);
});
