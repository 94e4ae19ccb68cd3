// Liveness and readiness. Down dependencies that requests can do without (the bus: the outbox buffers) are no readiness check.
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';

export type Check = () => Promise<void>;

export type Health = {
  /** Adds a named readiness check: resolves if well, throws if not. Given 2 s. */
  readonly addCheck: (name: string, check: Check) => void;
  /** From now on not ready: load balancers stop sending before the listener closes. */
  readonly drain: () => void;
  readonly state: () => Promise<{ ready: boolean; checks: Record<string, 'ok' | 'failed'> }>;
};

const checkTimeoutMs = 2_000;

const outcome = async (check: Check): Promise<'ok' | 'failed'> => {
  const { promise, resolve } = Promise.withResolvers<'failed'>();
  const timer = setTimeout(() => resolve('failed'), checkTimeoutMs);
  try {
    // The reason is not told: /readyz is public, and each dependency logs its own trouble.
    return await Promise.race([
      check().then(
        () => 'ok' as const,
        () => 'failed' as const,
      ),
      promise,
    ]);
  } finally {
    clearTimeout(timer);
  }
};

export const createHealth = (): Health => {
  const checks = new Map<string, Check>();
  let draining = false;
  let running: ReturnType<Health['state']> | undefined;
  const run: Health['state'] = async () => {
    const results = await Promise.all([...checks].map(async ([name, check]) => [name, await outcome(check)] as const));
    return { ready: !draining && results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) };
  };
  return {
    addCheck: (name, check) => void checks.set(name, check),
    drain: () => {
      draining = true;
    },
    // Coalesced: /readyz is public, and a flood of it must not become a flood of database queries.
    state: async () => {
      running ??= run().finally(() => {
        running = undefined;
      });
      const state = await running;
      return draining ? { ...state, ready: false } : state;
    },
  };
};

// fastify hands hooks to scopes that were made before them too: without this an overloaded process would be taken for dead and started anew.
const config = { pressureHandler: () => undefined };

/** `/livez` and `/readyz`, and on the internal listener `/metrics`. Answered also when requests are refused as too many. */
export const healthRoutes = (app: FastifyInstance, health: Health, registry: Registry | undefined): void => {
  app.get('/livez', { config }, async () => ({ status: 'alive' }));
  app.get('/readyz', { config }, async (_, reply) => {
    const { ready, checks } = await health.state();
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: ready ? 'ready' : 'not_ready', checks });
  });
  if (registry !== undefined) {
    app.get('/metrics', { config }, async (_, reply) =>
      reply.type(registry.contentType).send(await registry.metrics()),
    );
  }
};
