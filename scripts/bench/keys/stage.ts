// Everything bench "keys" needs running: one Postgres, the servers under test, a load generator, each in a process of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrations } from '@meridian/key-issuance/migrations.ts';
import { migrate } from '@meridian/kit/db/migrate.ts';
import { createLog } from '@meridian/kit/telemetry/log.ts';
import { startPostgres } from '@meridian/testkit/postgres/start-postgres.ts';
import { createTestIssuer } from '@meridian/testkit/test-issuer.ts';
import pg from 'pg';
import { type SeededKey, seedKeys, writeQuestions } from './seed.ts';
import type { Setup } from './serve-better-auth.ts';
import { type Child, type ServerReport, startChild } from './wire.ts';

export const keyCount = 100_000;
/** Keys beside those, to be revoked and fenced. */
export const sparedKeys = { revoked: 40, fenced: 8_000 };
const region = 'cn';
/** Below the 60 s that a token is good for by more than any load takes. */
const tokenReuseMs = 20_000;
const issuer = 'http://bench.test';
/** The pins of docs: a looser set does not resolve. */
const peers = [
  'better-auth@1.7.5',
  '@better-auth/api-key@1.7.5',
  '@better-auth/core@1.7.5',
  '@better-auth/utils@0.4.2',
  'better-call@1.4.0',
  'pg@8',
  'kysely@0.28',
];

export type Server = ServerReport & { readonly name: string; readonly child: Child };

const never = { requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000, tokensPerDay: null };

export const openStage = async (progress: (line: string) => void) => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-bench-keys-'));
  const closing: (() => Promise<void>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const step of closing.toReversed()) await step();
  };
  try {
    const postgres = await startPostgres({ dataDir: join(folder, 'pg') });
    closing.push(() => postgres.stop());
    const admin = new pg.Client({ connectionString: postgres.adminUrl });
    await admin.connect();
    for (const name of ['keys', 'bus', 'peer']) await admin.query(`create database ${name}`);
    await admin.end();

    const secrets = { 1: 'a-pepper-for-the-bench-of-keys' };
    const databaseUrl = postgres.url('keys');
    await migrate({ url: databaseUrl, migrations, log: createLog({ service: 'bench', region, level: 'silent' }) });
    progress(`keys: making ${keyCount} keys`);
    const made: SeededKey[] = await seedKeys(
      databaseUrl,
      region,
      secrets,
      keyCount + sparedKeys.revoked + sparedKeys.fenced,
    );
    const keys = made.slice(0, keyCount);
    const spare = {
      revoked: made.slice(keyCount, keyCount + sparedKeys.revoked),
      fenced: made.slice(keyCount + sparedKeys.revoked),
    };
    const questions = join(folder, 'questions');
    const ratedQuestions = join(folder, 'rated-questions');
    writeQuestions(questions, keys);
    writeQuestions(ratedQuestions, keys, 'bench-model');

    const tokens = await createTestIssuer({ region, foreignRegion: 'global', issuer });
    const jwks = await tokens.serve();
    closing.push(() => jwks.close());
    const start = async (name: string, file: string, message: unknown): Promise<Server> => {
      const child = startChild(file);
      closing.push(() => child.stop());
      return { name, child, ...(await child.ask<ServerReport>(message)) };
    };
    const env = {
      MERIDIAN_MODE: 'embedded',
      REGION: region,
      PUBLIC_LISTEN: '127.0.0.1:0',
      INTERNAL_LISTEN: '127.0.0.1:0',
      DATABASE_URL: databaseUrl,
      EVENT_BUS_URL: postgres.url('bus'),
      SERVICE_KEY: tokens.servicePrivatePem('key-issuance'),
      SERVICE_KEYS: JSON.stringify(tokens.servicePems),
      ISSUER: issuer,
      // Asked for sessions that were ended: the key server of the bench says there are none.
      IDENTITY_URL: jwks.origin,
      JWKS_URL: jwks.url,
      LOG_LEVEL: 'fatal',
      KEY_PEPPERS: JSON.stringify(secrets),
      ACCOUNT_MODEL_LIMITS: JSON.stringify({ default: never }),
    };
    const keyIssuance = await start('key-issuance', './serve-key-issuance.ts', { env });
    const bare = await start('bare', './serve-bare.ts', { listen: true });
    progress('keys: installing better-auth into a folder of its own');
    execFileSync(
      'npm',
      ['install', '--prefix', join(folder, 'peer'), '--no-audit', '--no-fund', '--ignore-scripts', ...peers],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        timeout: 180_000,
      },
    );
    const setup: Setup = {
      folder: join(folder, 'peer'),
      databaseUrl: postgres.url('peer'),
      secrets: [...keys, ...spare.revoked].map((key) => key.secret),
    };
    const betterAuth = await start('better-auth', './serve-better-auth.ts', { setup });
    const load = startChild('./load.ts');
    closing.push(() => load.stop());
    let kept = { token: '', until: 0 };
    const token = async () => {
      if (performance.now() > kept.until)
        kept = {
          token: await tokens.serviceToken({ caller: 'gateway', audience: 'key-issuance' }),
          until: performance.now() + tokenReuseMs,
        };
      return kept.token;
    };
    /** One more process of the service under test, on the same database. */
    const startReplica = () => start('key-issuance', './serve-key-issuance.ts', { env });
    return {
      region,
      keys,
      spare,
      questions,
      ratedQuestions,
      keyIssuance,
      startReplica,
      bare,
      betterAuth,
      load,
      token,
      tokens,
      databaseUrl,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
export type Stage = Awaited<ReturnType<typeof openStage>>;
