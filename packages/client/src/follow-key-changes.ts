// The long poll that tells a gateway which open streams must end, and what its silence means. Without an answer for too long every stream that
// has run through the silence must end: nobody knows any more whether it may go on. New calls are verified anyway.
import type { listKeyChanges } from '@meridian/contracts/key-issuance.ts';
import type { z } from 'zod';
import { TransportError } from './errors.ts';
import type { KeyChange } from './key-change.ts';

export type KeyNews = z.output<(typeof listKeyChanges)['answers'][200]>;

export type ChangeListener = {
  readonly onChanges: (changes: readonly KeyChange[]) => void;
  /**
   * Nothing was heard for `silenceMs`: streams that began before `since` (as of performance.now()) must end. Called again and again while the
   * silence lasts, so that a stream that begins within it ends too. And once when the position went back, which is as good as silence.
   */
  readonly onSilence: (since: number) => void;
  /** Told of every failed poll; polling goes on. */
  readonly onError?: (error: unknown) => void;
  /** Default 10 s. */
  readonly silenceMs?: number;
  readonly signal: AbortSignal;
};

export type Following = {
  /**
   * Resolves when the first position is known: every change from then on is told. Let no call in before: a key verified earlier could be revoked
   * unheard. Rejects with code `aborted` when `signal` is aborted before.
   */
  readonly ready: Promise<void>;
  /** Resolves when `signal` is aborted and no poll is under way. */
  readonly ended: Promise<void>;
};

export type Poll = {
  readonly query: { readonly wait: number; readonly after?: string };
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

const longestWait = 5;
const pollGraceMs = 3_000;
const retryMs = 250;

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });

/** Polls from now on. `ask` is one call of `listKeyChanges`. */
export const followKeyChanges = (ask: (poll: Poll) => Promise<KeyNews>, listener: ChangeListener): Following => {
  const { onChanges, onSilence, onError, silenceMs = 10_000, signal } = listener;
  // An idle poll must answer well before its silence counts.
  const wait = Math.min(longestWait, Math.max(1, Math.floor(silenceMs / 2_000)));
  const first = Promise.withResolvers<void>();
  // Whoever does not wait for it need not handle it.
  first.promise.catch(() => undefined);
  let heard = performance.now();

  const poll = async (): Promise<void> => {
    let after: string | undefined;
    while (!signal.aborted) {
      try {
        const query = { wait, ...(after !== undefined && { after }) };
        const news = await ask({ query, signal, timeoutMs: wait * 1_000 + pollGraceMs });
        // Back: the database was restored. What happened in between is unheard of, and positions that calls were verified at say nothing any more.
        const restored = after !== undefined && BigInt(news.position) < BigInt(after);
        after = news.position;
        heard = performance.now();
        if (restored) onSilence(heard);
        if (news.changes.length > 0) onChanges(news.changes);
        first.resolve();
      } catch (error) {
        if (signal.aborted) break;
        onError?.(error);
        await pause(retryMs, signal);
      }
    }
    first.reject(new TransportError('aborted', 'the caller gave up'));
  };

  const watch = setInterval(
    () => {
      const since = performance.now() - silenceMs;
      if (heard <= since) onSilence(since);
    },
    Math.min(250, silenceMs / 4),
  );
  watch.unref();
  return { ready: first.promise, ended: poll().finally(() => clearInterval(watch)) };
};
