// The signed-in account, and its security e-mail for billing.
import { notFound, unauthenticated } from '@meridian/contracts/common.ts';
import { getAccount, getSecurityEmail } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { openContacts } from '../contacts/contact.store.ts';
import { maskContact } from '../contacts/contact.ts';
import type { IdentityDeps } from '../deps.ts';
import { findAccount } from './account.store.ts';

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
        status: 'active',
        createdAt: account.created_at.toISOString(),
        contacts: contacts.map(({ kind, value, verifiedAt }) => ({
          kind,
          masked: maskContact(kind, value),
          verifiedAt: verifiedAt.toISOString(),
        })),
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
