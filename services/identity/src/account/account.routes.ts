// The signed-in account, and its security e-mail for billing.
import { accountCancelled, notFound, unauthenticated } from '@meridian/contracts/common.ts';
import { changeProfile, getAccount, getSecurityEmail, listSecurityLog } from '@meridian/contracts/identity.ts';
import { pageFrom, readCursor } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { openContacts } from '../contacts/contact.store.ts';
import { maskContact } from '../contacts/contact.ts';
import type { IdentityDeps } from '../deps.ts';
import { logPlace } from '../security-log/log-place.ts';
import { securityLogOf } from '../security-log/security-log.store.ts';
import { findAccount, lockStatus } from './account.store.ts';
import { openProfile, setProfile } from './profile.ts';

export const accountRoutes = (deps: IdentityDeps): void => {
  const { db, vault, region } = deps;

  route(deps.publicServer, getAccount, async ({ auth }) => {
    const account = (await findAccount(db.read, auth.accountId)) ?? fail(unauthenticated);
    const contacts = await openContacts(db.read, vault, account.id);
    return {
      status: 200,
      body: {
        accountId: account.id,
        region: region.id,
        status: account.phone_detached_at === null ? 'active' : 'phone_detached',
        createdAt: account.created_at.toISOString(),
        ...openProfile(vault, account),
        contacts: contacts.map(({ id, kind, value, verifiedAt }) => ({
          contactId: id,
          kind,
          masked: maskContact(kind, value),
          verifiedAt: verifiedAt.toISOString(),
        })),
      },
    };
  });

  route(deps.publicServer, changeProfile, async ({ auth, body }) => {
    await db.transaction(async (tx) => {
      if ((await lockStatus(tx, auth.accountId, 'update')) !== 'active') fail(accountCancelled);
      await setProfile(tx, vault, auth.accountId, body);
    });
    const account = (await findAccount(db.read, auth.accountId)) ?? fail(unauthenticated);
    return { status: 200, body: openProfile(vault, account) };
  });

  route(deps.publicServer, listSecurityLog, async ({ auth, query }) => {
    const after = readCursor(logPlace, query.cursor);
    const found = await securityLogOf(db.read, auth.accountId, { after, limit: query.limit + 1 });
    const { rows, next } = pageFrom(found, query.limit, logPlace, (row) => ({ at: row.at, id: String(row.id) }));
    return {
      status: 200,
      body: {
        items: rows.map((row) => ({
          at: row.at.toISOString(),
          kind: row.kind,
          method: row.method,
          device: row.device,
          place: row.place,
          network: row.network,
          sessionId: row.session_id,
        })),
        next,
      },
    };
  });

  route(deps.internalServer, getSecurityEmail, async ({ params }) => {
    deps.wall(params.accountId);
    const account = await findAccount(db.read, params.accountId);
    if (account?.status !== 'active') return fail(notFound, { detail: 'There is no such active account' });
    const contacts = await openContacts(db.read, vault, account.id);
    return { status: 200, body: { email: contacts.find((c) => c.kind === 'email')?.value ?? null } };
  });
};
