// Asks for fences, outside any transaction, and records each acknowledgement. Called by the request and by the sweeper.
import { errorCode } from '@meridian/kit/error-code.ts';
import type { IdentityDeps } from '../deps.ts';
import { claimDueFences, type DueFence } from './cancellation.store.ts';
import { fenceDeadlineMs } from './cancellation.ts';
import { askForFence } from './participants.ts';
import { recordFence } from './record-fence.ts';

type Deps = Pick<IdentityDeps, 'db' | 'now' | 'log' | 'publish' | 'call' | 'addresses'>;

const driveOne = async (deps: Deps, { sagaId, accountId, service }: DueFence): Promise<void> => {
  try {
    if (service !== 'identity') await askForFence(deps, service, { sagaId, accountId, timeoutMs: fenceDeadlineMs });
    await deps.db.transaction((tx) => recordFence(tx, deps, { sagaId, service }));
  } catch (error) {
    // The step stays due: the sweeper asks again until it is acknowledged.
    deps.log.warn(
      { sagaId, participant: service, reason: errorCode(error) ?? 'unexpected', err: error },
      'a fence was not acknowledged',
    );
  }
};

/** Asks all at once; resolves when each has answered or its deadline has passed. Never throws. */
export const driveFences = async (deps: Deps, fences: readonly DueFence[]): Promise<void> => {
  await Promise.all(fences.map((fence) => driveOne(deps, fence)));
};

/** The sweeper: resumes what a crash or an outage left, on the schedule of each step. */
export const sweepFences = async (deps: Deps): Promise<void> => {
  const due = await deps.db.transaction((tx) => claimDueFences(tx, deps.now()));
  await driveFences(deps, due);
};
