// Histories one after the other, each with fresh keys: after a while most keys of a round are dead, and dead ones have nothing more to tell.
import type { Database } from '@meridian/kit/db/database.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Schema } from '../../src/db/schema.ts';
import type { Mistake } from './judge.ts';
import { makeKeys, now, region } from './replica.ts';
import { type Outcome, type Replica, randomFrom, runHistory } from './run-history.ts';

/** HISTORY_SEED repeats a history's choices. */
export const seed = Number(process.env.HISTORY_SEED ?? Math.floor(Math.random() * 2 ** 31));

const lost = ['account_cancelled', 'key_not_active'];

export type RoundsOptions = {
  readonly replicas: readonly Replica[];
  /** Where keys are made. */
  readonly db: Database<Schema>;
  readonly calls: number;
  /** Calls of one round. */
  readonly each: number;
  /** For a planted bug: it has been noticed when this mistake has been seen; other mistakes do not end the search. */
  readonly seeking?: Mistake;
};

export const rounds = async ({ replicas, db, calls, each, seeking }: RoundsOptions): Promise<Outcome> => {
  const random = randomFrom(seed);
  const sum: Outcome = { calls: 0, violations: {}, of: {} };
  while (sum.calls < calls && !(seeking && sum.violations[seeking])) {
    const outcome = await runHistory({
      replicas,
      keys: await makeKeys(db, Math.ceil(each / 50), 3),
      calls: Math.min(each, calls - sum.calls),
      workers: 64,
      random,
      newProtectionId: () => newId('prt', region, now()),
      isLost: (error) => lost.includes((error as { code?: string }).code ?? ''),
    });
    sum.calls += outcome.calls;
    for (const part of ['violations', 'of'] as const)
      for (const [name, n] of Object.entries(outcome[part])) sum[part][name] = (sum[part][name] ?? 0) + n;
  }
  return sum;
};
