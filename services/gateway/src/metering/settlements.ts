// Settling must not be lost: an attempt that fails is repeated in the background for a while. Should all fail, the hold expires at billing, which
// then charges the last report.
import { failureOfEnd, type HoldEnd } from '@meridian/client/hold-end.ts';
import { releaseHold, settleHold, type UsageFigures } from '@meridian/contracts/billing.ts';
import type { Core } from '@meridian/kit/run/platform.ts';

export type Settlements = {
  /** Resolves after the first attempt, whatever came of it. Never rejects. */
  readonly settle: (requestId: string, usage: UsageFigures, outcome: 'completed' | 'interrupted') => Promise<void>;
  readonly release: (requestId: string) => Promise<void>;
  /** Resolves when nothing is pending, at the latest after `ms`. */
  readonly drained: (ms: number) => Promise<void>;
};

const timeoutMs = 5_000;

export const createSettlements = (
  deps: Pick<Core, 'call' | 'log'> & {
    readonly billingUrl: string;
    /** Milliseconds before each repetition. */
    readonly pauses?: readonly number[];
    /** Most settlements repeated at a time, and as many releases. */
    readonly maxPending?: number;
    /** Told of every settlement that is left to the expiry of its hold. */
    readonly lost: () => void;
  },
): Settlements => {
  const { call, log, billingUrl: baseUrl } = deps;
  // About 129 s in all, longer than an absent hold may appear (`mayAppearMs`).
  const pauses = deps.pauses ?? [200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000];
  const maxPending = deps.maxPending ?? 10_000;
  // Apart: while billing is away every refused call leaves a release, and those must not crowd out what was delivered.
  const pending = { settle: new Set<Promise<void>>(), release: new Set<Promise<void>>() };

  const giveUp = (what: HoldEnd, requestId: string, why: string): void => {
    // Nothing was delivered under a hold that is released: its expiry gives back all of it.
    if (what === 'settle') deps.lost();
    log[what === 'settle' ? 'error' : 'warn']({ requestId }, `${what} given up: ${why}; the hold expires at billing`);
  };

  /** `absent`: billing knows no such hold, or not yet. */
  const attempt = async (
    what: HoldEnd,
    requestId: string,
    work: () => Promise<unknown>,
  ): Promise<'done' | 'failed' | 'absent'> => {
    try {
      await work();
      return 'done';
    } catch (err) {
      const failure = failureOfEnd(what, err);
      if (failure === 'absent') return failure;
      if (failure === 'failed') {
        log.warn({ err, requestId }, `${what} failed; it is repeated`);
        return failure;
      }
      if (what === 'settle') {
        deps.lost();
        log.error({ err, requestId }, 'billing refuses to settle');
      }
      return 'done';
    }
  };

  const repeat = async (what: HoldEnd, requestId: string, work: () => Promise<unknown>): Promise<void> => {
    let last: Awaited<ReturnType<typeof attempt>> = 'failed';
    for (const pause of pauses) {
      // What is left after `drained` is billing's: it must not keep the process.
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
      last = await attempt(what, requestId, work);
      if (last === 'done') return;
    }
    if (last !== 'absent') giveUp(what, requestId, 'it failed again and again');
  };

  const run = async (what: HoldEnd, requestId: string, work: () => Promise<unknown>): Promise<void> => {
    const first = attempt(what, requestId, work);
    const whole = first.then(async (outcome) => {
      if (outcome === 'done') return;
      if (pending[what].size <= maxPending) return repeat(what, requestId, work);
      giveUp(what, requestId, 'too many are pending');
    });
    pending[what].add(whole);
    void whole.finally(() => pending[what].delete(whole));
    await first;
  };

  return {
    settle: (requestId, usage, outcome) =>
      run('settle', requestId, () =>
        call(settleHold, { baseUrl, params: { requestId }, body: { usage, outcome }, timeoutMs }),
      ),
    release: (requestId) =>
      run('release', requestId, () => call(releaseHold, { baseUrl, params: { requestId }, body: {}, timeoutMs })),
    drained: async (ms) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      await Promise.race([Promise.all([...pending.settle, ...pending.release]), promise]);
      clearTimeout(timer);
    },
  };
};
