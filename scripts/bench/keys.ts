// Bench "keys": verification over HTTP with authentication on and 100,000 keys, against a bare Fastify route and better-auth on the same
// Postgres, all in one run. Server, load generator and database are processes of their own.
import type { Bench, Progress } from './bench.ts';
import { type Figure, figure, repetitions } from './figure.ts';
import { garbageReads, underGarbage } from './keys/garbage.ts';
import { histogram, revokeToReject } from './keys/revoke-to-reject.ts';
import { orderOf } from './keys/seed.ts';
import { keyCount, openStage, type Server, type Stage } from './keys/stage.ts';
import { timingGap } from './keys/timing.ts';
import type { CpuReport, LoadReport } from './keys/wire.ts';

const seconds = 2;
const warmUpSeconds = 4;
const connections = 64;
const orderLength = 200_000;
const revocations = 40;

type Case = {
  readonly name: string;
  readonly server: Server;
  readonly bodies: string;
  readonly order: number[];
  readonly valid: number;
};
type Measured = LoadReport & { readonly rate: number; readonly cpu: number };

const measure = async (stage: Stage, one: Case, duration = seconds): Promise<Measured> => {
  const before = await one.server.child.ask<CpuReport>({});
  const report = await stage.load.ask<LoadReport>({
    url: one.server.url,
    path: '/internal/v1/keys/verify',
    token: await stage.token(),
    bodies: one.bodies,
    order: one.order,
    connections,
    seconds: duration,
    maxRequests: 400_000,
  });
  const after = await one.server.child.ask<CpuReport>({});
  if (report.failed > 0) throw new Error(`${one.name}: ${report.failed} of ${report.requests} calls failed`);
  // Figures of a server that says yes or no to everything would be worth nothing.
  const share = report.valid / report.requests;
  // Four standard deviations of what chance gives over so many calls.
  if (Math.abs(share - one.valid) > 0.005 + 2 / Math.sqrt(report.requests))
    throw new Error(`${one.name}: ${share} of the calls were valid, not ${one.valid}`);
  return { ...report, rate: report.requests / report.seconds, cpu: (after.cpu - before.cpu) / report.requests };
};

const casesOf = (stage: Stage): Case[] => {
  const { keyIssuance, bare, betterAuth, questions, ratedQuestions } = stage;
  const order = (kind: 'uniform' | 'zipf', garbage: number) => orderOf(keyCount, kind, garbage, orderLength);
  const uniform = order('uniform', 0);
  const ours = { server: keyIssuance, bodies: questions };
  return [
    { name: 'bare', server: bare, bodies: questions, order: uniform, valid: 1 },
    { name: 'verify', ...ours, order: uniform, valid: 1 },
    { name: 'verify_zipf', ...ours, order: order('zipf', 0), valid: 1 },
    { name: 'verify_1_percent_invalid', ...ours, order: order('uniform', 0.01), valid: 0.99 },
    { name: 'verify_half_invalid', ...ours, order: order('uniform', 0.5), valid: 0.5 },
    { name: 'verify_rated', ...ours, bodies: ratedQuestions, order: uniform, valid: 1 },
    { name: 'better_auth', server: betterAuth, bodies: questions, order: uniform, valid: 1 },
  ];
};

/** Measures; each repetition goes through all cases, and ratios are taken within it. */
const measureAll = async (progress: Progress): Promise<Figure[]> => {
  const stage = await openStage(progress);
  try {
    const cases = casesOf(stage);
    // Until the compiler has seen enough; a slow peer gets its time and no more.
    for (const one of cases) await measure(stage, one, warmUpSeconds);
    const results = new Map<string, Measured[]>(cases.map(({ name }) => [name, []]));
    for (let repetition = 1; repetition <= repetitions; repetition += 1) {
      for (const one of cases) results.get(one.name)?.push(await measure(stage, one));
      const line = cases.map(({ name }) => `${name} ${results.get(name)?.at(-1)?.rate.toFixed(0)}/s`).join(', ');
      progress(`keys ${repetition}/${repetitions}: ${line}`);
    }
    const all = (name: string, read: (m: Measured) => number) => (results.get(name) ?? []).map(read);
    const ratio = (name: string, to: string) => {
      const floor = all(to, (m) => m.rate);
      return all(name, (m) => m.rate).map((rate, i) => rate / (floor[i] as number));
    };
    const { ours, theirs } = await revokeToReject(stage, stage.keys.slice(-revocations));
    progress(`keys: revoke to reject, key-issuance: ${histogram(ours)} (${ours.accepted} of ${ours.tried} accepted)`);
    progress(
      `keys: revoke to reject, better-auth: ${histogram(theirs)} (${theirs.accepted} of ${theirs.tried} accepted)`,
    );
    const garbage = await underGarbage(stage, seconds);
    const reads = await garbageReads(stage);
    const gap = await timingGap(stage);
    progress(`keys: ${gap.text}`);
    return [
      ...cases.flatMap(({ name }) => [
        figure(
          'keys',
          `${name}_rate`,
          all(name, (m) => m.rate),
          '1/s',
          null,
        ),
        figure(
          'keys',
          `${name}_cpu`,
          all(name, (m) => m.cpu),
          'us',
          null,
        ),
        figure(
          'keys',
          `${name}_p99`,
          all(name, (m) => m.p99),
          'ms',
          null,
        ),
      ]),
      figure('keys', 'verify_vs_bare', ratio('verify', 'bare'), '', '>= 0.8'),
      figure('keys', 'verify_rated_vs_bare', ratio('verify_rated', 'bare'), '', '>= 0.25'),
      figure('keys', 'verify_vs_better_auth', ratio('verify', 'better_auth'), '', '>= 30'),
      figure('keys', 'accepted_after_revoke', [ours.accepted], '', '= 0'),
      figure('keys', 'revoke_to_reject', ours.milliseconds, 'ms', null),
      figure('keys', 'revoke_to_reject_better_auth', theirs.milliseconds, 'ms', null),
      figure('keys', 'reads_of_a_million_garbage_keys', [reads], '', '= 0'),
      figure('keys', 'transactions_per_garbage_call', [garbage.transactionsPerCall], '', null),
      figure('keys', 'good_p99_alone', [garbage.alone], 'ms', null),
      figure('keys', 'good_p99_beside_garbage', [garbage.beside], 'ms', null),
      figure('keys', 'timing_gap', [gap.microseconds], 'us', null),
    ];
  } finally {
    await stage.close();
  }
};

export const keysBench: Bench = {
  name: 'keys',
  budgeted: [
    'verify_vs_bare',
    'verify_rated_vs_bare',
    'verify_vs_better_auth',
    'accepted_after_revoke',
    'reads_of_a_million_garbage_keys',
  ],
  note: 'what is counted rather than timed (revocations, reads, garbage) is taken once over many calls (docs/decisions/0012)',
  measure: measureAll,
};
