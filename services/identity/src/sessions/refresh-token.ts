// Refresh tokens: `rt_<region>_<family>_<256 bits><tag>`. Opaque to clients; the table holds hashes only.
import { randomBytes } from 'node:crypto';
import { deriveKey, digest, mac, sameText } from '../crypto/mac.ts';

const form = /^rt_([a-z]{2,12})_([0-9A-HJKMNP-TV-Z]{26})_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{22})$/;

/** The region a token names, from its public part alone; undefined when the text is no refresh token. */
export const regionOfRefreshToken = (token: string): string | undefined => form.exec(token)?.[1];

export type RefreshTokens = {
  readonly first: (sessionId: string) => string;
  /** Always the same successor for the same parent: a repeated request can be answered again without storing the answer. */
  readonly successor: (parent: string) => string;
  /**
   * The family of a token that this region really issued, however long ago; undefined for anything forged. The tag makes old
   * tokens recognisable without keeping their hashes, so a stolen one is known as such, and a made-up one can end no session.
   */
  readonly familyOf: (token: string) => string | undefined;
  readonly hash: (token: string) => string;
};

export const createRefreshTokens = (secret: string, region: string): RefreshTokens => {
  const chain = deriveKey(secret, 'refresh successor');
  const tags = deriveKey(secret, 'refresh tag');
  const tagOf = (family: string, random: string) => mac(tags, family, random).slice(0, 22);
  const compose = (family: string, random: string) => `rt_${region}_${family}_${random}${tagOf(family, random)}`;
  const parse = (token: string) => {
    const [, home, family = '', random = '', tag = ''] = form.exec(token) ?? [];
    return home === region && sameText(tag, tagOf(family, random)) ? family : undefined;
  };
  return {
    first: (sessionId) => compose(sessionId.slice(-26), randomBytes(32).toString('base64url')),
    successor: (parent) => {
      const family = parse(parent);
      if (family === undefined) throw new Error('only a genuine token has a successor');
      return compose(family, mac(chain, parent));
    },
    familyOf: (token) => {
      const family = parse(token);
      return family === undefined ? undefined : `ses_${region}_${family}`;
    },
    hash: digest,
  };
};
