// The real service on a real database and event log.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { call } from '@meridian/client/client.ts';
import type { StaffRole } from '@meridian/contracts/endpoint.ts';
import {
  decideCase,
  getCase,
  getModerationStanding,
  getProtection,
  type Hit,
  listCases,
  matchText,
  scoreHits,
  submitAppeal,
} from '@meridian/contracts/moderation.ts';
import { newId } from '@meridian/kit/ids.ts';
import { createTestDatabase } from '@meridian/testkit/postgres/test-database.ts';
import { startTestAuthority } from '@meridian/testkit/service/test-authority.ts';
import { startTestBus } from '@meridian/testkit/service/test-bus.ts';
import pg from 'pg';
import { startModeration } from '../src/service.ts';

export const testRules = {
  policy: {
    windows: [
      { seconds: 600, threshold: 30 },
      { seconds: 86_400, threshold: 60 },
    ],
    protectionHours: 72,
    reviewHours: 24,
    overrideDays: 30,
  },
  rules: [
    { id: 'note', pattern: 'neutral-note', category: 'noted', severity: 'note', weight: 10, mode: 'live' },
    { id: 'block', pattern: 'neutral-block', category: 'blocked', severity: 'block', weight: 10, mode: 'live' },
    { id: 'protect', pattern: 'neutral-protect', category: 'protected', severity: 'protect', weight: 5, mode: 'live' },
    { id: 'shadow', pattern: 'neutral-shadow', category: 'watched', severity: 'protect', weight: 100, mode: 'shadow' },
    { id: 'chinese', pattern: '中性示例词', category: 'blocked', severity: 'block', weight: 10, mode: 'live' },
  ],
};

export const startWorld = async () => {
  const region = 'global';
  const clock = { offsetMs: 0 };
  const now = () => new Date(Date.now() + clock.offsetMs);
  const database = await createTestDatabase();
  const bus = await startTestBus({ region, service: 'moderation' });
  const authority = await startTestAuthority({ region, foreignRegion: 'cn', now });
  const folder = await mkdtemp(join(tmpdir(), 'rules-'));
  const rulesPath = join(folder, 'rules.json');
  const writeRules = (rules: unknown) => writeFile(rulesPath, JSON.stringify(rules));
  await writeRules(testRules);
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk, _, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const env = {
    REGION: region,
    MERIDIAN_MODE: 'embedded',
    PUBLIC_LISTEN: '127.0.0.1:0',
    INTERNAL_LISTEN: '127.0.0.1:0',
    DATABASE_URL: database.url,
    EVENT_BUS_URL: bus.url,
    TRUSTED_PROXIES: '127.0.0.1',
    LOG_LEVEL: 'trace',
    FINGERPRINT_KEY: randomBytes(32).toString('base64url'),
    CASE_KEY: randomBytes(32).toString('base64'),
    RULES_FILE: rulesPath,
    ...authority.variablesOf('moderation'),
  };
  const start = () => startModeration(env, { now, destination, ...bus.overrides });
  let service = await start();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  let calls = 0;

  const gateway = async () => ({
    baseUrl: service.internalUrl,
    token: await authority.serviceToken('gateway', 'moderation'),
  });
  const from = () => {
    calls += 1;
    return { headers: { 'x-forwarded-for': `10.2.${Math.floor(calls / 250)}.${1 + (calls % 250)}` } };
  };
  const user = async (accountId: string) => ({
    baseUrl: service.publicUrl,
    token: await authority.userToken(accountId),
    ...from(),
  });
  const staff = async (staffId: string, roles: readonly StaffRole[] = ['reviewer']) => ({
    baseUrl: service.publicUrl,
    token: await authority.staffToken(staffId, roles),
    ...from(),
  });
  const match = async (...texts: string[]): Promise<Hit[]> =>
    (await call(matchText, { ...(await gateway()), body: { texts }, timeoutMs: 60_000 })).body.hits;
  const score = async (accountId: string, hits: Hit[]) =>
    (await call(scoreHits, { ...(await gateway()), body: { accountId, requestId: newId('req', region, now()), hits } }))
      .body;

  return {
    region,
    clock,
    now,
    bus,
    authority,
    lines,
    env,
    writeRules,
    match,
    score,
    get service() {
      return service;
    },
    restart: async () => {
      await service.stop();
      service = await start();
    },
    startReplica: () => startModeration(env, { now, destination, ...bus.overrides }),
    newAccount: () => newId('acc', region, now()),
    /** As the gateway does: match, then score what was found. */
    say: async (accountId: string, ...texts: string[]) => score(accountId, await match(...texts)),
    view: async (accountId: string) => (await call(getProtection, await user(accountId))).body,
    appeal: async (accountId: string, caseId: string, text = 'please look again') =>
      (await call(submitAppeal, { ...(await user(accountId)), body: { caseId, text } })).body,
    decide: async (staffId: string, caseId: string, decision: 'uphold' | 'overturn', reason = 'seen and judged') =>
      (await call(decideCase, { ...(await staff(staffId)), params: { caseId }, body: { decision, reason } })).body,
    caseOf: async (caseId: string, roles?: readonly StaffRole[]) =>
      (await call(getCase, { ...(await staff('sta_reader', roles)), params: { caseId } })).body,
    cases: async (query: Record<string, string | number>) =>
      (await call(listCases, { ...(await staff('sta_reader')), query })).body,
    standing: async (accountId: string) =>
      (
        await call(getModerationStanding, {
          baseUrl: service.internalUrl,
          token: await authority.serviceToken('identity', 'moderation'),
          params: { accountId },
        })
      ).body,
    pool,
    sql: async <T = Record<string, unknown>>(text: string, values: unknown[] = []): Promise<T[]> =>
      (await pool.query(text, values)).rows as T[],
    stop: async () => {
      await pool.end();
      await service.stop();
      await bus.stop();
      await authority.stop();
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
};
export type World = Awaited<ReturnType<typeof startWorld>>;
