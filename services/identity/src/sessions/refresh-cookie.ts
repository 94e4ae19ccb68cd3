// The refresh token of a browser: in a cookie that no script can read and no other site can use.
import { randomBytes } from 'node:crypto';
import type {} from '@fastify/cookie';
import { originNotAllowed } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Profile } from '@meridian/regions/profile.ts';
import type { FastifyReply } from 'fastify';

/** The prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis 4.1.3.2); they count http://localhost as secure. */
export const refreshCookie = '__Host-meridian-refresh';

const deviceCookie = '__Host-meridian-device';
const deviceSeconds = 400 * 86_400;

const attributes = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;

export type RefreshCookies = {
  /** Refuses a request that no page of this region has sent. Browsers set Origin on every POST and DELETE; scripts cannot forge it. */
  readonly assertOrigin: (origin: string | undefined) => void;
  readonly set: (reply: FastifyReply, token: string, expiresAt: Date) => void;
  readonly clear: (reply: FastifyReply) => void;
  readonly read: (reply: FastifyReply) => string | undefined;
  /** The id by which a browser is recognised at its next sign-in; drawn and set where there is none. It opens nothing. */
  readonly deviceId: (reply: FastifyReply) => string;
};

export const createRefreshCookies = (profile: Profile): RefreshCookies => {
  const allowed = new Set([...profile.corsOrigins, profile.addresses.api].map((address) => new URL(address).origin));
  return {
    assertOrigin: (origin) => {
      if (origin === undefined || !allowed.has(origin))
        fail(originNotAllowed, { detail: 'Cookies are for pages of this region; native apps send the refresh token' });
    },
    set: (reply, token, expires) => void reply.setCookie(refreshCookie, token, { ...attributes, expires }),
    clear: (reply) => void reply.clearCookie(refreshCookie, attributes),
    deviceId: (reply) => {
      const given = reply.request.cookies[deviceCookie];
      const id =
        given !== undefined && /^[A-Za-z0-9_-]{22}$/.test(given) ? given : randomBytes(16).toString('base64url');
      reply.setCookie(deviceCookie, id, { ...attributes, maxAge: deviceSeconds });
      return id;
    },
    read: (reply) => reply.request.cookies[refreshCookie],
  };
};
