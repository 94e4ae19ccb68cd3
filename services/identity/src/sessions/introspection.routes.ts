// Introspection for the operations of other services that a session ended a moment ago must not pass.
import { introspectToken } from '@meridian/contracts/identity.ts';
import type { UserAuth } from '@meridian/kit/http/authenticate.ts';
import { isRefusal } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { findAccount } from '../account/account.store.ts';
import type { IdentityDeps } from '../deps.ts';

export const introspectionRoutes = (
  { internalServer, db, now }: IdentityDeps,
  verifyUser: (token: string) => Promise<UserAuth>,
): void => {
  route(internalServer, introspectToken, async ({ body }) => {
    const user = await verifyUser(body.token).catch((error: unknown) => {
      // RFC 7662 2.2: whatever is wrong with the token, the answer is the same. An outage of ours is no verdict on it.
      if (isRefusal(error)) return undefined;
      throw error;
    });
    const account = user && (await findAccount(db.read, user.accountId));
    if (user === undefined || account === undefined) return { status: 200, body: { active: false } };
    const { restricted_until: until } = account;
    return {
      status: 200,
      body: {
        active: true,
        sub: user.accountId,
        sid: user.sessionId,
        token_type: 'Bearer',
        restricted_until: until !== null && until > now() ? until.toISOString() : null,
      },
      headers: { 'cache-control': 'no-store' },
    };
  });
};
