// Settling must not be lost: an attempt that fails is repeated in the background for a while. Should all fail, the hold expires at billing, which
// then charges the last report.
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

/** Answers that no repetition changes. `not_found` of a release: the hold was never made. */
const final = new Set(['not_found', 'request_mismatch', 'hold_not_open', 'invalid_input', 'region_mismatch']);

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

export const createSettlements = (
  deps: Pick<Core, 'call' | 'log'> & {
    readonly billingUrl: string;
    /** Milliseconds before each repetition. */
    readonly pauses?: readonly number[];
    /** Most settlements repeated at a time. */
    readonly maxPending?: number;
    readonly lost: () => void;
  },
): Settlements => {
  const { call, log, billingUrl: baseUrl } = deps;
  const pauses = deps.pauses ?? [200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000];
  const maxPending = deps.maxPending ?? 10_000;
  const pending = new Set<Promise<void>>();

  /** True when there is nothing left to do. */
  const attempt = async (what: string, requestId: string, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (err) {
      const code = codeOf(err);
      if (!final.has(code)) {
        log.warn({ err, requestId }, `${what} failed; it is repeated`);
        return false;
      }
      if (what === 'settle') {
        deps.lost();
        log.error({ err, requestId }, 'billing refuses to settle');
      }
      return true;
    }
  };

  const repeat = async (what: string, requestId: string, work: () => Promise<unknown>): Promise<void> => {
    for (const pause of pauses) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (await attempt(what, requestId, work)) return;
    }
    deps.lost();
    log.error({ requestId }, `${what} given up; the hold expires at billing`);
  };

  const run = async (what: string, requestId: string, work: () => Promise<unknown>): Promise<void> => {
    const first = attempt(what, requestId, work);
    const whole = first.then(async (done) => {
      if (done) return;
      if (pending.size <= maxPending) return repeat(what, requestId, work);
      deps.lost();
      log.error({ requestId }, `${what} given up: too many are pending; the hold expires at billing`);
    });
    pending.add(whole);
    void whole.finally(() => pending.delete(whole));
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
      await Promise.race([Promise.all(pending), promise]);
      clearTimeout(timer);
    },
  };
};
