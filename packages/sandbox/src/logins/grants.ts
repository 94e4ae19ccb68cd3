// Codes and tokens of one login provider: codes are used once and expire; all in memory and bounded.
import { randomText } from '../crypto/random.ts';
import { keepNewest } from '../storage/keep-newest.ts';

/** As many of each kind as a stand-in remembers. */
export const kept = 1000;
export type Redeemed<G> = { kind: 'ok'; grant: G } | { kind: 'unknown' | 'used' | 'expired' };

export const createGrants = <G>(options: { now: () => Date; codeMs: number; tokenMs: number }) => {
  const codes = new Map<string, { grant: G; until: number; used: boolean }>();
  const tokens = new Map<string, { grant: G; until: number }>();
  const at = () => options.now().getTime();
  return {
    newCode(grant: G, code = randomText(32)) {
      codes.set(code, { grant, until: at() + options.codeMs, used: false });
      keepNewest(codes, kept);
      return code;
    },
    /** `allowed` says whether this asker may have it: a code in wrong hands stays unused. */
    redeem(code: unknown, allowed: (grant: G) => boolean): Redeemed<G> {
      const found = typeof code === 'string' ? codes.get(code) : undefined;
      if (!found || !allowed(found.grant)) return { kind: 'unknown' };
      if (found.used) return { kind: 'used' };
      if (at() > found.until) return { kind: 'expired' };
      found.used = true;
      return { kind: 'ok', grant: found.grant };
    },
    newToken(grant: G, lifeMs = options.tokenMs) {
      const token = randomText(64);
      tokens.set(token, { grant, until: at() + lifeMs });
      keepNewest(tokens, kept);
      return token;
    },
    byToken(token: unknown): G | undefined {
      const found = typeof token === 'string' ? tokens.get(token) : undefined;
      return found && at() <= found.until ? found.grant : undefined;
    },
    /** false: there was no such token. */
    endToken: (token: unknown) => typeof token === 'string' && tokens.delete(token),
  };
};
export type Grants<G> = ReturnType<typeof createGrants<G>>;
