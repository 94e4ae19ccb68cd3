// Ends streams of revoked keys and closed accounts as key-issuance tells of them, and every stream when it tells nothing for too long.
import { type Following, followKeyChanges } from '@meridian/client/follow-key-changes.ts';
import type { OpenCalls } from '@meridian/client/open-calls.ts';
import { listKeyChanges } from '@meridian/contracts/key-issuance.ts';
import type { Core } from '@meridian/kit/run/platform.ts';

export type KeyChangeWatch = {
  readonly start: () => void;
  /** Whether changes are heard by now; waits for it at most `ms`. A key verified before could be revoked unheard. */
  readonly heardWithin: (ms: number) => Promise<boolean>;
  readonly stop: () => Promise<void>;
};

export const createKeyChangeWatch = (
  deps: Pick<Core, 'call' | 'log'> & {
    readonly calls: OpenCalls;
    readonly keyIssuanceUrl: string;
    readonly silenceMs: number;
  },
): KeyChangeWatch => {
  const { call, log, calls, keyIssuanceUrl, silenceMs } = deps;
  const stopping = new AbortController();
  let following: Following | undefined;
  let heard = false;

  return {
    start: () => {
      following = followKeyChanges(
        async (poll) => (await call(listKeyChanges, { ...poll, baseUrl: keyIssuanceUrl })).body,
        {
          onChanges: calls.apply,
          onSilence: (since) => {
            if (calls.count() > 0) log.error('no news of keys; open streams end');
            calls.cutSilent(since);
          },
          onError: (err) => log.warn({ err }, 'key changes cannot be read'),
          silenceMs,
          signal: stopping.signal,
        },
      );
    },
    heardWithin: async (ms) => {
      if (heard || following === undefined) return heard;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      const told = () => {
        heard = true;
      };
      await Promise.race([following.ready.then(told, () => undefined), promise]);
      clearTimeout(timer);
      return heard;
    },
    stop: async () => {
      stopping.abort();
      await following?.ended;
    },
  };
};
