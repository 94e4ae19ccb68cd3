// What binds a flow to one browser: a random text in a cookie that no script reads and no other host sets.
import type {} from '@fastify/cookie';
import type { FastifyReply } from 'fastify';
import type { LoginProvider } from '../providers/login-provider.ts';
import { completionMs, flowMs } from './login-flow.ts';
import { drawSecret, hashOf } from './login-secrets.ts';

type Callback = LoginProvider['callback'];

/** A form that another site posts brings no SameSite=Lax cookie, so such a provider has a cookie of its own; the others keep the stricter one. */
const names: Record<Callback, string> = {
  query: '__Host-meridian-login',
  form_post: '__Host-meridian-login-form',
};
const attributes = (callback: Callback) =>
  ({ path: '/', httpOnly: true, secure: true, sameSite: callback === 'query' ? 'lax' : 'none' }) as const;
const seconds = (flowMs + completionMs + 3_600_000) / 1_000;

export const readBrowser = (reply: FastifyReply, callback: Callback): string | undefined => {
  const value = reply.request.cookies[names[callback]];
  return value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : undefined;
};

/** The browser's text, drawn where there is none: flows in two tabs share it, each has a state of its own. */
export const bindBrowser = (reply: FastifyReply, callback: Callback): string => {
  const browser = readBrowser(reply, callback) ?? drawSecret();
  reply.setCookie(names[callback], browser, { ...attributes(callback), maxAge: seconds });
  return browser;
};

/** Hashes of all that this browser may have been bound by. */
export const browserHashesOf = (reply: FastifyReply): string[] =>
  (Object.keys(names) as Callback[]).flatMap((callback) => {
    const browser = readBrowser(reply, callback);
    return browser === undefined ? [] : [hashOf(browser)];
  });
