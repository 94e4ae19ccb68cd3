// How tokens leave: the access token always in the body, the refresh token in the body or in the browser's cookie.
import type { FastifyReply } from 'fastify';
import type { SessionDelivery } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { userTokenLife } from '../keys/access-token.ts';
import type { RefreshCookies } from './refresh-cookie.ts';

// RFC 6749 5.1: no cache may keep tokens.
export const noStore = { 'cache-control': 'no-store' };

export type OpenedTokens = {
  readonly accountId: string;
  readonly sessionId: string;
  readonly refreshToken: string;
  readonly refreshExpiresAt: Date;
};

export const createTokenAnswers =
  ({ accessTokens }: Pick<IdentityDeps, 'accessTokens'>, cookies: RefreshCookies) =>
  async (reply: FastifyReply, delivery: SessionDelivery, session: OpenedTokens) => {
    if (delivery === 'cookie') cookies.set(reply, session.refreshToken, session.refreshExpiresAt);
    return {
      accessToken: await accessTokens.forUser(session),
      tokenType: 'Bearer' as const,
      expiresIn: userTokenLife,
      refreshToken: delivery === 'cookie' ? null : session.refreshToken,
      refreshExpiresAt: session.refreshExpiresAt.toISOString(),
      accountId: session.accountId,
      sessionId: session.sessionId,
    };
  };
