// A flood of keys that were never issued: what it costs the database, and what good keys notice of it.
import { verifyKey } from '@meridian/key-issuance/keys/verify-key.ts';
import pg from 'pg';
import { orderOf } from './seed.ts';
import { keyCount, type Stage } from './stage.ts';
import { type LoadJob, type LoadReport, startChild } from './wire.ts';

const flood = 1_000_000;
const statisticsMs = 1_200;

const limits = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };

/** Reads caused by a million garbled keys, counted where every read passes. */
export const garbageReads = async ({ keys }: Pick<Stage, 'keys'>): Promise<number> => {
  let reads = 0;
  const deps = {
    region: 'cn',
    now: () => new Date(),
    failed: () => undefined,
    peppers: { current: 1, secretOf: () => 'a-pepper-for-the-bench-of-keys' },
    baseUrlOf: () => 'https://model.example/v1',
    appealUrl: 'https://appeal.example',
    accountModelLimits: { of: new Map(), others: limits },
    factsOf: async () => {
      reads += 1;
      return undefined;
    },
    takeRates: () => Promise.reject(new Error('a garbled key was counted')),
    used: () => undefined,
  };
  for (let i = 0; i < flood; i += 1) {
    const { secret } = keys[i % keys.length] as { secret: string };
    // Every character of secret, checksum and tag in turn, the family and region left as they are.
    const at = secret.length - 1 - (i % 46);
    const key = `${secret.slice(0, at)}${secret[at] === 'a' ? 'b' : 'a'}${secret.slice(at + 1)}`;
    const verdict = await verifyKey(deps, { key, product: 'payg' });
    if (verdict.valid) throw new Error('a garbled key was accepted');
  }
  return reads;
};

const committed = async (url: string): Promise<number> => {
  // The server publishes its statistics about once a second.
  await new Promise((resolve) => setTimeout(resolve, statisticsMs));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      'select xact_commit::float8 as n from pg_stat_database where datname = current_database()',
    );
    return rows[0].n as number;
  } finally {
    await client.end();
  }
};

/** p99 of good keys alone and beside as many garbled ones as the server takes; and transactions per call of garbage alone. */
export const underGarbage = async (stage: Stage, seconds: number) => {
  const second = startChild('./load.ts');
  try {
    const job = async (garbage: number, connections: number): Promise<LoadJob> => ({
      url: stage.keyIssuance.url,
      path: '/internal/v1/keys/verify',
      token: await stage.token(),
      bodies: stage.questions,
      order: orderOf(keyCount, 'uniform', garbage, 100_000),
      connections,
      seconds,
      maxRequests: 400_000,
    });
    const good = await job(0, 16);
    const garbage = await job(1, 16);
    const alone = await stage.load.ask<LoadReport>(good);
    const [beside] = await Promise.all([stage.load.ask<LoadReport>(good), second.ask<LoadReport>(garbage)]);
    const before = await committed(stage.databaseUrl);
    const only = await second.ask<LoadReport>(garbage);
    const transactions = (await committed(stage.databaseUrl)) - before;
    return { alone: alone.p99, beside: beside.p99, transactionsPerCall: transactions / only.requests };
  } finally {
    await second.stop();
  }
};
