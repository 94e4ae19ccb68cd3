// Authorization codes (single use, 60 s) and the access tokens they gave, in memory and bounded.
import type { StaffPerson } from '../config.ts';
import { randomText } from '../crypto/random.ts';
import { keepNewest } from '../storage/keep-newest.ts';

const codeMs = 60_000;
const tokenMs = 300_000;
const kept = 1000;

export type Grant = {
  clientId: string;
  redirectUri: string;
  person: StaffPerson;
  nonce: string | undefined;
  challenge: string;
  authTime: number;
};

export const createGrants = (now: () => Date) => {
  const codes = new Map<string, { grant: Grant; until: number; used: boolean }>();
  const tokens = new Map<string, { grant: Grant; until: number; code: string }>();
  return {
    newCode(grant: Grant) {
      const code = randomText(43);
      codes.set(code, { grant, until: now().getTime() + codeMs, used: false });
      keepNewest(codes, kept);
      return code;
    },
    /** The grant, once. A second use also ends the access token that the first gave (RFC 6749, 4.1.2). */
    redeem(code: string): Grant | undefined {
      const found = codes.get(code);
      if (!found || now().getTime() > found.until) return undefined;
      if (!found.used) {
        found.used = true;
        return found.grant;
      }
      for (const [token, entry] of tokens) if (entry.code === code) tokens.delete(token);
      return undefined;
    },
    newToken(code: string, grant: Grant) {
      const token = randomText(43);
      tokens.set(token, { grant, until: now().getTime() + tokenMs, code });
      keepNewest(tokens, kept);
      return { token, expiresIn: tokenMs / 1000 };
    },
    byToken(token: string) {
      const found = tokens.get(token);
      return found && now().getTime() <= found.until ? found.grant : undefined;
    },
  };
};
