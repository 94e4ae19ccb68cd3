// Bench "sessions": refresh and code verification against a bare Fastify route that makes one indexed update, and how long a revoked session lives
// in another service. Clients and servers share this one process, so the ratios mean something and the rates do not.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '@meridian/client/client.ts';
import { createSession, endSession, type Identifier, refreshSession, sendCode } from '@meridian/contracts/identity.ts';
import { listKeys } from '@meridian/contracts/key-issuance.ts';
import { ensureTopics } from '@meridian/kit/events/kafka-topics.ts';
import { topicsOf } from '@meridian/kit/events/topics.ts';
import { profiles } from '@meridian/regions/region.ts';
import { startEmbedded } from '@meridian/testkit/embedded/embedded.ts';
import { regionPorts } from '@meridian/testkit/embedded/ports.ts';
import { kafkaEngineAvailable } from '@meridian/testkit/kafka/kafka-available.ts';
import { startKafka } from '@meridian/testkit/kafka/start-kafka.ts';
import { startPostgres } from '@meridian/testkit/postgres/start-postgres.ts';
import Fastify from 'fastify';
import pg from 'pg';
import type { Bench, Progress } from './bench.ts';
import { type Figure, figure, repetitions } from './figure.ts';

const portBase = 14_000;
const region = 'global';
/** Sign-ins per repetition; half of them at once. */
const people = 40;
const width = 20;
const rounds = 5;

let callers = 0;
/** Each call from a network of its own: the limits are not what is measured. */
const fromSomewhere = () => {
  callers += 1;
  return { 'x-forwarded-for': `10.${(callers >> 8) & 255}.${callers & 255}.1` };
};

const inParallel = async <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = [];
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [index, item] of queue) results[index] = await work(item);
    }),
  );
  return results;
};

/** Runs of `work` per second. */
const rateOf = async <T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<{ rate: number; results: R[] }> => {
  const began = performance.now();
  const results = await inParallel(items, work);
  return { rate: (items.length * 1_000) / (performance.now() - began), results };
};

/** The floor: a Fastify POST route that makes one indexed update. */
const startBare = async (dataDir: string) => {
  const postgres = await startPostgres({ dataDir });
  const pool = new pg.Pool({ connectionString: postgres.adminUrl, max: 4 });
  // A connection that is just closing may be told that its server stops.
  pool.on('error', () => undefined);
  await pool.query('create table counted (id integer primary key, n bigint not null)');
  await pool.query('insert into counted select n, 0 from generate_series(0, 999) n');
  const app = Fastify();
  app.post<{ Body: { id: number } }>('/', async ({ body }) => {
    const { rows } = await pool.query('update counted set n = n + 1 where id = $1 returning n', [body.id]);
    return rows[0];
  });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    hit: async (id: number) => {
      const answer = await fetch(address, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: id % 1_000 }),
      });
      if (!answer.ok) throw new Error(`the bare route answered ${answer.status}`);
      await answer.json();
    },
    stop: async () => {
      await app.close();
      await pool.end();
      await postgres.stop();
    },
  };
};

/** A copy of one region whose events go by `busUrl`, or by the Postgres event log. */
const openCopy = async (folder: string, busUrl?: string) => {
  const profile = profiles[region];
  if (profile === undefined) throw new Error(`there is no profile ${region}`);
  const copy = await startEmbedded({
    dataDir: folder,
    portBase,
    profiles: [profile],
    logLevel: 'error',
    ...(busUrl && { busUrl }),
  });
  const ports = regionPorts(portBase, 0);
  const baseUrl = `http://127.0.0.1:${ports.publicOf.identity}`;
  const keysUrl = `http://127.0.0.1:${ports.publicOf['key-issuance']}`;
  const { termsVersion } = profile.registration;
  const askForCode = async () => {
    const identifier: Identifier = { kind: 'email', value: `${randomUUID()}@bench.example` };
    const { body } = await call(sendCode, {
      baseUrl,
      headers: fromSomewhere(),
      body: { identifier, purpose: 'login' },
    });
    for (;;) {
      const answer = await fetch(`${copy.sandbox}/inbox/messages?to=${encodeURIComponent(identifier.value)}`);
      const { messages } = (await answer.json()) as { messages: { code: string }[] };
      if (messages[0]) return { identifier, codeId: body.codeId, code: messages[0].code };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return {
    askForCode,
    signIn: async (code: Awaited<ReturnType<typeof askForCode>>) =>
      (await call(createSession, { baseUrl, headers: fromSomewhere(), body: { ...code, termsVersion } })).body,
    /** Uses refresh tokens one after the other. */
    refreshOften: async (first: string | null) => {
      let token = first ?? '';
      for (let round = 0; round < rounds; round += 1) {
        const parts = { baseUrl, headers: fromSomewhere(), body: { refreshToken: token } };
        token = (await call(refreshSession, parts)).body.refreshToken ?? '';
      }
    },
    /** How long key-issuance still takes a token after identity has answered that its session ended, in ms. */
    lifeAfterRevocation: async (accessToken: string) => {
      const list = () => call(listKeys, { baseUrl: keysUrl, headers: fromSomewhere(), token: accessToken, query: {} });
      await list();
      await call(endSession, { baseUrl, headers: fromSomewhere(), token: accessToken });
      const began = performance.now();
      const works = () =>
        list().then(
          () => true,
          (error: { code?: string }) => error.code !== 'unauthenticated',
        );
      while (await works()) if (performance.now() - began > 60_000) throw new Error('a revoked session lives on');
      return performance.now() - began;
    },
    stop: copy.stop,
  };
};
type Copy = Awaited<ReturnType<typeof openCopy>>;

/** Lives of eight revoked sessions in each repetition. */
const measureLives = async ({ askForCode, signIn, lifeAfterRevocation }: Copy, transport: string) => {
  const lives: number[] = [];
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    const codes = await inParallel(Array.from({ length: 8 }), askForCode);
    for (const code of codes) lives.push(await lifeAfterRevocation((await signIn(code)).accessToken));
  }
  return [
    figure('sessions', `revoked_session_lives_${transport}`, lives, 'ms', null),
    figure('sessions', `revoked_session_lives_${transport}_worst`, [Math.max(...lives)], 'ms', null),
  ];
};

const measureRates = async (copy: Copy, folder: string, progress: Progress) => {
  const bare = await startBare(join(folder, 'bare'));
  try {
    const rates = { bare: [] as number[], refresh: [] as number[], code: [] as number[] };
    for (let repetition = 1; repetition <= repetitions; repetition += 1) {
      const codes = await inParallel(Array.from({ length: people }), copy.askForCode);
      const floor = await rateOf(
        Array.from({ length: people * rounds }, (_, id) => id),
        bare.hit,
      );
      const verified = await rateOf(codes, copy.signIn);
      const refreshed = await rateOf(verified.results, ({ refreshToken }) => copy.refreshOften(refreshToken));
      rates.bare.push(floor.rate);
      rates.code.push(verified.rate);
      rates.refresh.push(refreshed.rate * rounds);
      const last = (name: keyof typeof rates) => rates[name].at(-1)?.toFixed(0);
      progress(
        `sessions ${repetition}/${repetitions}: bare ${last('bare')}/s, refresh ${last('refresh')}/s, code ${last('code')}/s`,
      );
    }
    const ratio = (name: 'refresh' | 'code') => rates[name].map((rate, i) => rate / (rates.bare[i] as number));
    return [
      figure('sessions', 'bare_rate', rates.bare, '1/s', null),
      figure('sessions', 'refresh_rate', rates.refresh, '1/s', null),
      figure('sessions', 'code_rate', rates.code, '1/s', null),
      figure('sessions', 'refresh_vs_bare', ratio('refresh'), '', null),
      figure('sessions', 'code_vs_bare', ratio('code'), '', null),
    ];
  } finally {
    await bare.stop();
  }
};

/** Lives of revoked sessions where events go by Kafka. */
const onKafka = async (folder: string): Promise<Figure[]> => {
  const kafka = await startKafka({ brokers: 1 });
  try {
    await ensureTopics({ ask: kafka.ask }, topicsOf(region));
    const copy = await openCopy(join(folder, 'kafka'), `kafka://${kafka.brokers.join(',')}`);
    try {
      return await measureLives(copy, 'kafka');
    } finally {
      await copy.stop();
    }
  } finally {
    await kafka.stop();
  }
};

const measure = async (progress: Progress): Promise<Figure[]> => {
  if (!(await kafkaEngineAvailable()))
    throw new Error('the figures of Kafka need a container engine with the image: npm run images');
  const folder = mkdtempSync(join(tmpdir(), 'meridian-bench-sessions-'));
  try {
    const copy = await openCopy(join(folder, 'postgres'));
    const figures: Figure[] = [];
    try {
      figures.push(...(await measureRates(copy, folder, progress)));
      progress('sessions: lives of revoked sessions on the Postgres event log');
      figures.push(...(await measureLives(copy, 'postgres')));
    } finally {
      await copy.stop();
    }
    progress('sessions: lives of revoked sessions on Kafka');
    return [...figures, ...(await onKafka(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

export const sessionsBench: Bench = { name: 'sessions', budgeted: [], measure };
