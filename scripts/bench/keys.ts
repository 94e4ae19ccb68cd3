// Bench "keys": verification over HTTP with authentication on and 100,000 keys, against a bare Fastify route and better-auth on the same
// Postgres, all in one run. Server, load generator and database are processes of their own.
import type { Bench, Progress } from './bench.ts';
import { type Figure, figure, repetitions } from './figure.ts';
import { type Case, casesOf, type Measured, measure } from './keys/cases.ts';
import { fenceAccounts } from './keys/fences.ts';
import { underGarbage } from './keys/garbage.ts';
import { histogram, revokeToReject } from './keys/revoke-to-reject.ts';
import { openStage, type Stage } from './keys/stage.ts';
import { timingGap } from './keys/timing.ts';

const seconds = (one: Case) => (one.core ? 2 : 1);
/** Until the compiler has seen enough. */
const warmUpSeconds = (one: Case) => (one.core ? 4 : 1);
const furtherReplicas = 2;

const named = (name: string, values: readonly number[], unit = '', budget: string | null = null) =>
  figure('keys', name, values, unit, budget);

/** Each repetition goes through all cases, and ratios are taken within it. */
const throughput = async (stage: Stage, progress: Progress): Promise<Figure[]> => {
  const cases = casesOf(stage);
  for (const one of cases) await measure(stage, one, warmUpSeconds(one));
  const results = new Map<string, Measured[]>(cases.map(({ name }) => [name, []]));
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    for (const one of cases) results.get(one.name)?.push(await measure(stage, one, seconds(one)));
    const line = cases.map(({ name }) => `${name} ${results.get(name)?.at(-1)?.rate.toFixed(0)}/s`).join(', ');
    progress(`keys ${repetition}/${repetitions}: ${line}`);
  }
  const all = (name: string, read: (m: Measured) => number) => (results.get(name) ?? []).map(read);
  const ratio = (name: string, to: string) => {
    const floor = all(to, (m) => m.rate);
    return all(name, (m) => m.rate).map((rate, i) => rate / (floor[i] as number));
  };
  return [
    ...cases.flatMap(({ name }) => [
      named(
        `${name}_rate`,
        all(name, (m) => m.rate),
        '1/s',
      ),
      named(
        `${name}_cpu`,
        all(name, (m) => m.cpu),
        'us',
      ),
      named(
        `${name}_p99`,
        all(name, (m) => m.p99),
        'ms',
      ),
    ]),
    named('verify_vs_bare', ratio('verify', 'bare'), '', '>= 0.8'),
    named('verify_rated_vs_bare', ratio('verify_rated', 'bare'), '', '>= 0.25'),
    named('verify_vs_better_auth', ratio('verify', 'better_auth'), '', '>= 30'),
    // What a route with nothing behind it would reach: no verification can be above it.
    named('bare_vs_better_auth', ratio('bare', 'better_auth')),
    named('verify_rated_vs_better_auth_limited', ratio('verify_rated', 'better_auth_limited')),
  ];
};

const revocation = async (stage: Stage, progress: Progress): Promise<Figure[]> => {
  const { ours, theirs } = await revokeToReject(stage, stage.spare.revoked);
  progress(`keys: revoke to reject, key-issuance: ${histogram(ours)} (${ours.accepted} of ${ours.tried} accepted)`);
  progress(
    `keys: revoke to reject, better-auth: ${histogram(theirs)} (${theirs.accepted} of ${theirs.tried} accepted)`,
  );
  const replicas = [stage.keyIssuance];
  for (let i = 0; i < furtherReplicas; i += 1) replicas.push(await stage.startReplica());
  const fenced = await fenceAccounts(stage, replicas, stage.spare.fenced, progress);
  return [
    named('accepted_after_revoke', [ours.accepted + fenced.accepted], '', '= 0'),
    // Nothing accepted of nothing tried would be no figure.
    named('fences', [fenced.fences], '', '>= 2000'),
    named('verifies_after_fence', [fenced.tried], '', '>= 16000'),
    named('verifies_after_revoke', [ours.tried], '', '>= 1'),
    named('revoke_to_reject', ours.milliseconds, 'ms'),
    named('revoke_to_reject_better_auth', theirs.milliseconds, 'ms'),
  ];
};

const secrecy = async (stage: Stage, progress: Progress): Promise<Figure[]> => {
  const garbage = await underGarbage(stage, progress);
  const gaps = Array.from({ length: repetitions }, () => timingGap(stage));
  return [
    named('p99_beside_garbage_vs_good', garbage.p99Ratios, '', '<= 1.1'),
    named('good_p99_beside_garbage', garbage.p99BesideGarbage, 'ms'),
    named('good_p99_beside_good', garbage.p99BesideGood, 'ms'),
    named('garbage_calls', [garbage.calls], '', '>= 1000000'),
    named('reads_by_garbage', [garbage.reads], '', '= 0'),
    named(
      'timing_gap',
      gaps.map(({ gap }) => gap),
      'us',
    ),
    named(
      'timing_gap_vs_chance',
      gaps.map(({ gap, chance }) => gap / chance),
      '',
      '<= 1',
    ),
  ];
};

/** About eight minutes. */
const measureAll = async (progress: Progress): Promise<Figure[]> => {
  const stage = await openStage(progress);
  try {
    return [
      ...(await throughput(stage, progress)),
      ...(await secrecy(stage, progress)),
      ...(await revocation(stage, progress)),
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
    'p99_beside_garbage_vs_good',
    'garbage_calls',
    'reads_by_garbage',
    'timing_gap_vs_chance',
    'accepted_after_revoke',
    'fences',
    'verifies_after_fence',
    'verifies_after_revoke',
  ],
  note: 'what is counted rather than timed (revocations, reads, garbage) is taken once over many calls (docs/decisions/0018)',
  measure: measureAll,
};
