// The calls that run, so that they can be ended from outside: a key revoked, an account fenced or protected, a gateway that stops.
import type { ChangeReason, KeyChange } from './key-change.ts';
import { endsStreams } from './key-change.ts';

/** Why a call is ended from outside. */
export type CutReason = Exclude<ChangeReason, 'exhausted'> | 'silence' | 'draining';

/** Of a good verdict: whose key, and the position of changes at which it was read. */
export type Verified = { readonly accountId: string; readonly keyId: string; readonly position: string };

export type OpenCall = {
  /** Aborted when the call must end; `reason` says why. */
  readonly signal: AbortSignal;
  readonly reason: () => CutReason | undefined;
  /** Says whose call it is: the good verdict on its key. A change that came in since the call began counts, if it is newer than the verification. */
  readonly identify: (verified: Verified) => void;
  /** Gives the place back. */
  readonly end: () => void;
};

export type OpenCalls = {
  /** A place for one more call; undefined when all are taken. Taken before the key is verified, so that no change falls between. */
  readonly begin: () => OpenCall | undefined;
  readonly apply: (changes: readonly KeyChange[]) => void;
  /** Ends calls that have run without news of keys since `since` (as of performance.now()). */
  readonly cutSilent: (since: number) => void;
  /** Ends every call and takes no more. */
  readonly drain: () => void;
  readonly count: () => number;
  /** Resolves when no call runs, at the latest after `ms`. */
  readonly idle: (ms: number) => Promise<void>;
};

type Entry = {
  readonly beganAt: number;
  readonly abort: AbortController;
  verified: Verified | undefined;
  reason: CutReason | undefined;
  /** Changes seen while the owner is not known yet. */
  seen: KeyChange[];
};

/** What the verification has seen already ended nothing: the call may be the first with the new secret of a rotated key. */
const concerns = (change: KeyChange, { accountId, keyId, position }: Verified) =>
  change.accountId === accountId &&
  (change.keyId === null || change.keyId === keyId) &&
  BigInt(change.position) > BigInt(position);

export const createOpenCalls = (max: number): OpenCalls => {
  const entries = new Set<Entry>();
  let accepting = true;
  const cut = (entry: Entry, reason: CutReason): void => {
    if (entry.reason !== undefined) return;
    entry.reason = reason;
    entry.abort.abort();
  };
  const cutFor = (entry: Entry, change: KeyChange): void => {
    if (entry.verified && concerns(change, entry.verified) && endsStreams(change.reason)) cut(entry, change.reason);
  };
  return {
    begin: () => {
      if (!accepting || entries.size >= max) return undefined;
      const entry: Entry = {
        beganAt: performance.now(),
        abort: new AbortController(),
        verified: undefined,
        reason: undefined,
        seen: [],
      };
      entries.add(entry);
      return {
        signal: entry.abort.signal,
        reason: () => entry.reason,
        identify: (verified) => {
          entry.verified = verified;
          for (const change of entry.seen) cutFor(entry, change);
          entry.seen = [];
        },
        end: () => void entries.delete(entry),
      };
    },
    apply: (changes) => {
      for (const entry of entries) {
        if (entry.verified === undefined) entry.seen.push(...changes);
        else for (const change of changes) cutFor(entry, change);
      }
    },
    cutSilent: (since) => {
      for (const entry of entries) if (entry.beganAt <= since) cut(entry, 'silence');
    },
    drain: () => {
      accepting = false;
      for (const entry of entries) cut(entry, 'draining');
    },
    count: () => entries.size,
    idle: async (ms) => {
      const until = performance.now() + ms;
      while (entries.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    },
  };
};
