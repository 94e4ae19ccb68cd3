// The cancellation saga: who takes part, when a fence is asked for again, what is told before it begins.
import type { RetainedClass } from '@meridian/contracts/events/lifecycle.ts';

/** Services whose writes an account has, identity last: it erases itself when all others have. */
export const participants = ['key-issuance', 'billing', 'verification', 'moderation', 'identity'] as const;
export type Participant = (typeof participants)[number];

/** How long a request waits for the fences before it answers 202. */
export const fenceDeadlineMs = 5_000;
/** A cancellation that has not ended after this long needs a person. */
export const overdueMs = 24 * 3_600_000;

/** No account is cancelled for this long after its credentials changed. */
export const freezeMs = 24 * 3_600_000;

/** Until when the account cannot be cancelled; undefined: it can. */
export const frozenUntil = (
  { restrictedUntil, credentialsChanged }: { restrictedUntil: Date | null; credentialsChanged: Date | null },
  now: Date,
): Date | undefined => {
  const until = Math.max(restrictedUntil?.getTime() ?? 0, (credentialsChanged?.getTime() ?? -freezeMs) + freezeMs);
  return until > now.getTime() ? new Date(until) : undefined;
};

const schedule = [1_000, 5_000, 30_000, 120_000, 600_000] as const;
/** Wait before the next attempt, given how many there were. */
export const fenceBackOffMs = (attempts: number): number =>
  schedule[Math.min(Math.max(attempts, 1), schedule.length) - 1] ?? 600_000;

export type Standing = {
  readonly balance: { readonly available: string; readonly held: string; readonly currency: string };
  readonly activeKeys: number;
  readonly openCase: boolean;
};
export type Consequence = { readonly code: string; readonly text: string };

export const consequencesOf = ({ balance, activeKeys, openCase }: Standing): Consequence[] => [
  { code: 'access_ends', text: 'Every session ends at once and the account can never be signed in to again.' },
  { code: 'keys_expire', text: `${activeKeys} active API key(s) stop working at once.` },
  ...(BigInt(balance.available) !== 0n || BigInt(balance.held) !== 0n
    ? [
        {
          code: 'balance_is_lost',
          text: `The balance of ${balance.available} nano-${balance.currency} (and ${balance.held} held for calls in progress) is no longer available.`,
        },
      ]
    : []),
  ...(openCase
    ? [{ code: 'open_case_ends', text: 'An open moderation case is closed without a decision on an appeal.' }]
    : []),
  {
    code: 'data_is_erased',
    text: 'Platform data is erased for good; only what the law demands is kept, and the receipt names it.',
  },
];

export type Step = {
  readonly service: Participant;
  readonly fencedAt: Date | null;
  readonly erasedAt: Date | null;
  readonly erased: Record<string, number> | null;
  readonly retained: readonly RetainedClass[];
};

export const allFenced = (steps: readonly Step[]): boolean =>
  steps.length > 0 && steps.every((step) => step.fencedAt !== null);
/** Identity erases itself last. */
export const othersErased = (steps: readonly Step[]): boolean =>
  steps.length > 0 && steps.every((step) => step.service === 'identity' || step.erasedAt !== null);
