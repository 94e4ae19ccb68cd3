// The long poll that ends streams of revoked keys and closed accounts. Without an answer for too long every stream that has run through the
// silence ends: nobody knows any more whether it may go on. New calls are verified anyway.
import { listKeyChanges } from '@meridian/contracts/key-issuance.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import type { OpenCalls } from './open-calls.ts';

const waitSeconds = 5;
const graceMs = 3_000;
const retryMs = 250;

export type KeyChangeWatch = { readonly start: () => void; readonly stop: () => Promise<void> };

export const createKeyChangeWatch = (
  deps: Pick<Core, 'call' | 'log'> & {
    readonly calls: OpenCalls;
    readonly keyIssuanceUrl: string;
    readonly silenceMs: number;
  },
): KeyChangeWatch => {
  const { call, log, calls, keyIssuanceUrl, silenceMs } = deps;
  const stopping = new AbortController();
  let lastAnswer = performance.now();
  let loop: Promise<void> | undefined;
  let silenceTimer: NodeJS.Timeout | undefined;

  const ask = async (after: string | undefined): Promise<string> => {
    const { body } = await call(listKeyChanges, {
      baseUrl: keyIssuanceUrl,
      query: { wait: waitSeconds, ...(after !== undefined && { after }) },
      timeoutMs: waitSeconds * 1_000 + graceMs,
      signal: stopping.signal,
    });
    lastAnswer = performance.now();
    calls.apply(body.changes);
    return body.position;
  };

  const run = async (): Promise<void> => {
    let position: string | undefined;
    while (!stopping.signal.aborted) {
      try {
        position = await ask(position);
      } catch (err) {
        if (stopping.signal.aborted) return;
        log.warn({ err }, 'key changes cannot be read');
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  };

  return {
    start: () => {
      loop = run();
      silenceTimer = setInterval(
        () => {
          const since = performance.now() - silenceMs;
          if (lastAnswer > since) return;
          if (calls.count() > 0) log.error('no news of keys; open streams end');
          calls.cutSilent(since);
        },
        Math.min(250, silenceMs / 4),
      );
      silenceTimer.unref();
    },
    stop: async () => {
      clearInterval(silenceTimer);
      stopping.abort();
      await loop;
    },
  };
};
