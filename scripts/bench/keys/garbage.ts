// A flood of keys that were never issued: what good keys notice of it, and what it costs the database. Over HTTP, a million of them in all.
import pg from 'pg';
import { orderOf } from './seed.ts';
import { keyCount, type Stage } from './stage.ts';
import { type Child, type LoadJob, type LoadReport, startChild } from './wire.ts';

const flood = 1_000_000;
const floodSeconds = 300;
/** Many short pairs: what else the machine does falls on both of a pair alike, and the median drops what does not. */
const pairs = 20;
const besideSeconds = 1.25;
const besideConnections = 16;
const floodConnections = 64;
/** Of what the company can send beside the measured load: it must keep its pace in every run. */
const companyShare = 0.8;
/** A server process of PostgreSQL hands its counts on after 10 s without work at the latest. */
const countsKnownMs = 11_000;

/** How often the table that every read of a key begins with was read. */
const readsSoFar = async (url: string): Promise<number> => {
  await new Promise((resolve) => setTimeout(resolve, countsKnownMs));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ n: number }>(
      `select (idx_scan + seq_scan)::float8 as n from pg_stat_user_tables where relname = 'api_key_secret'`,
    );
    return rows[0]?.n ?? 0;
  } finally {
    await client.end();
  }
};

export type GarbageReport = {
  /** One per pair: p99 of good keys beside calls with garbage, against beside as many calls a second with good keys. */
  readonly p99Ratios: readonly number[];
  readonly p99BesideGarbage: readonly number[];
  readonly p99BesideGood: readonly number[];
  readonly calls: number;
  readonly reads: number;
};

export const underGarbage = async (stage: Stage, progress: (line: string) => void): Promise<GarbageReport> => {
  const second = startChild('./load.ts');
  const orders = [orderOf(keyCount, 'uniform', 0, 100_000), orderOf(keyCount, 'uniform', 1, 100_000)] as const;
  const job = async (
    garbage: 0 | 1,
    load: Pick<LoadJob, 'connections' | 'seconds'> & Partial<LoadJob>,
  ): Promise<LoadJob> => ({
    url: stage.keyIssuance.url,
    path: '/internal/v1/keys/verify',
    token: await stage.token(),
    bodies: stage.questions,
    order: orders[garbage],
    maxRequests: 400_000,
    ...load,
  });
  /** Answers of another kind would not be what is measured. */
  const ask = async (child: Child, what: LoadJob, valid: boolean): Promise<LoadReport> => {
    const report = await child.ask<LoadReport>(what);
    if (report.failed > 0 || report.valid !== (valid ? report.requests : 0))
      throw new Error(`of ${report.requests} calls ${report.valid} were valid and ${report.failed} not answered`);
    return report;
  };
  try {
    const [p99BesideGarbage, p99BesideGood]: [number[], number[]] = [[], []];
    let calls = 0;
    const begun = await readsSoFar(stage.databaseUrl);
    const load = { connections: besideConnections, seconds: besideSeconds };
    // Measured by the same load generator each time; the other one makes the company, as many calls a second with either kind of key: a company
    // that sends its next call when the last is answered would send more of what is answered sooner.
    const beside = async (company: LoadJob, valid: boolean) =>
      Promise.all([ask(stage.load, await job(0, load), true), ask(second, company, valid)]);
    const [, free] = await beside(await job(0, load), true);
    const paced = { ...load, perSecond: (companyShare * free.requests) / free.seconds };
    for (let pair = 1; pair <= pairs; pair += 1) {
      const [besideGood] = await beside(await job(0, paced), true);
      const [besideGarbage, flooded] = await beside(await job(1, paced), false);
      calls += flooded.requests;
      p99BesideGood.push(besideGood.p99);
      p99BesideGarbage.push(besideGarbage.p99);
    }
    const before = await readsSoFar(stage.databaseUrl);
    if (before === begun)
      throw new Error('reads of good keys are not counted, so those of garbage would not be either');
    const until = performance.now() + floodSeconds * 1_000;
    while (calls < flood && performance.now() < until) {
      const part = await job(1, {
        connections: floodConnections,
        seconds: 20,
        maxRequests: Math.min(400_000, flood - calls),
      });
      calls += (await ask(second, part, false)).requests;
    }
    const reads = (await readsSoFar(stage.databaseUrl)) - before;
    progress(`keys: ${calls} garbled keys over HTTP, ${reads} reads`);
    return {
      p99Ratios: p99BesideGarbage.map((p99, i) => p99 / (p99BesideGood[i] as number)),
      p99BesideGarbage,
      p99BesideGood,
      calls,
      reads,
    };
  } finally {
    await second.stop();
  }
};
