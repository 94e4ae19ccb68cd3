// Tokens that a verification reserved, put right by what the call really used. Best effort: an answer that is lost leaves the reservation as it
// is until its window ends, which concerns limits, never money.
import { reportKeyUsage } from '@meridian/contracts/key-issuance.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import type { KeyOwner } from '../keys/verify-key.ts';

export type Reservation = {
  /** Says how many tokens the call used; only the first time counts. Returns at once. */
  readonly used: (tokens: number) => void;
};

export type Reservations = {
  readonly of: (call: {
    readonly requestId: string;
    readonly owner: KeyOwner;
    readonly model: string | null;
    readonly tokensReserved: number;
  }) => Reservation;
  /** Resolves when nothing is under way, at the latest after `ms`. */
  readonly drained: (ms: number) => Promise<void>;
};

const timeoutMs = 3_000;
/** Of the contract. */
const maxTokens = 1_000_000_000;

export const createReservations = (
  deps: Pick<Core, 'call' | 'log'> & {
    readonly keyIssuanceUrl: string;
    /** Milliseconds before each repetition. */
    readonly pauses?: readonly number[];
    readonly maxPending?: number;
  },
): Reservations => {
  const { call, log, keyIssuanceUrl: baseUrl, pauses = [0, 500, 2_000], maxPending = 10_000 } = deps;
  const pending = new Set<Promise<void>>();
  return {
    of: ({ requestId, owner, model, tokensReserved }) => {
      const { accountId, keyId, reservedAt } = owner;
      let told = reservedAt === undefined;
      const report = async (tokensUsed: number): Promise<void> => {
        if (reservedAt === undefined || tokensUsed === tokensReserved) return;
        const body = { requestId, accountId, keyId, model, reservedAt, tokensReserved, tokensUsed };
        for (const pause of pauses) {
          if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause).unref());
          try {
            await call(reportKeyUsage, { baseUrl, body, timeoutMs });
            return;
          } catch (err) {
            log.warn({ err, requestId }, 'tokens could not be corrected');
          }
        }
      };
      return {
        used: (tokens) => {
          if (told) return;
          told = true;
          if (pending.size >= maxPending) {
            log.warn({ requestId }, 'tokens are not corrected: too many are pending');
            return;
          }
          const whole = report(Math.min(tokens, maxTokens));
          pending.add(whole);
          void whole.finally(() => pending.delete(whole));
        },
      };
    },
    drained: async (ms) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      await Promise.race([Promise.all(pending), promise]);
      clearTimeout(timer);
    },
  };
};
