// Verification for proxies: nginx auth_request and Envoy ext_authz.
import { rateHeaders } from '@meridian/client/rate-headers.ts';
import { forbidden, unavailable } from '@meridian/contracts/common.ts';
import { authorizedHeaders, authorizeKey, authorizeKeyOfPost } from '@meridian/contracts/key-authorize.ts';
import type { CertificateAuth } from '@meridian/kit/http/authenticate.ts';
import { fail, isRefusal } from '@meridian/kit/http/problems.ts';
import { type Handler, route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import { type VerifyDeps, verifyKey } from '../keys/verify-key.ts';
import { readQuestion } from './question.ts';
import { missingKeyAnswer, refusalAnswer, unavailableAnswer } from './refusal-answer.ts';

export type AuthorizeDeps = VerifyDeps & {
  /** Common names of the client certificates that may ask; one that leaked is taken off the list. */
  readonly certificates: readonly string[];
};

const assertListed = ({ certificate }: CertificateAuth, listed: readonly string[]): void => {
  if (certificate !== undefined && !listed.includes(certificate))
    fail(forbidden, { detail: `The certificate ${certificate} is not listed in GATEWAY_CERTIFICATES` });
};

export const authorizeRoutes = (server: HttpServer, deps: AuthorizeDeps): void => {
  const handler: Handler<typeof authorizeKey> = async ({ auth, headers, requestId }) => {
    assertListed(auth, deps.certificates);
    const { key, anyStatus, ...question } = readQuestion(headers);
    const context = { requestId, anyStatus };
    if (key === undefined) return missingKeyAnswer(context);
    const verdict = await verifyKey(deps, { ...question, key }).catch((error: unknown) => {
      // Logged where it happened. A problem document would be lost on the way through a proxy.
      if (isRefusal(error) && error.code === unavailable.code) return undefined;
      throw error;
    });
    if (verdict === undefined) return unavailableAnswer(context);
    const now = deps.now();
    const limits = verdict.rates ? rateHeaders(verdict.rates, now) : {};
    if (!verdict.valid) {
      const { headers: told, ...answer } = refusalAnswer(verdict.refusal, context, now);
      return { ...answer, headers: { ...told, ...limits } };
    }
    const { accountId, keyId } = verdict;
    return {
      status: 200,
      headers: {
        'cache-control': 'no-store',
        ...limits,
        [authorizedHeaders.accountId]: accountId,
        [authorizedHeaders.keyId]: keyId,
      },
    };
  };
  route(server, authorizeKey, handler);
  route(server, authorizeKeyOfPost, handler as unknown as Handler<typeof authorizeKeyOfPost>);
};
