// Addresses of an account: send a code to a new one, add, change, remove.
import { addContact, captchaRequired, removeContact, sendContactCode } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import { acceptIdentifier } from '../codes/accept-identifier.ts';
import { checkCode } from '../codes/check-code.ts';
import { networkOf } from '../codes/network.ts';
import { refuseLimited } from '../codes/refuse-limited.ts';
import { sendCode } from '../codes/send-code.ts';
import type { IdentityDeps } from '../deps.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { addContact as add } from './add-contact.ts';
import { maskContact } from './contact.ts';
import { removeContact as remove } from './remove-contact.ts';

export const contactRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db, region, delivery } = deps;
  const { registration } = region.profile;

  route(publicServer, sendContactCode, async ({ auth, body, ip }) => {
    const identifier = acceptIdentifier(registration, body.identifier);
    const { accountId } = auth;
    // In a transaction of its own: whoever counts under limits holds no row that another waits for while holding a limit.
    await db.transaction((tx) => assertProven(tx, deps, auth));
    const command = { identifier, purpose: 'bind', ip, personShown: true, accountId } as const;
    const sent = await db.transaction((tx) => sendCode(tx, { ...deps, region: region.id }, command));
    // A person who is signed in has been shown.
    if (sent.outcome === 'captcha_required') return fail(captchaRequired);
    if (sent.outcome === 'limited') return refuseLimited(deps, sent);
    const { codeId, expiresAt, resendAfter, message } = sent;
    if (message !== undefined) delivery.hand(identifier.method, { ...message, codeId });
    return {
      status: 202,
      body: { codeId, expiresAt: expiresAt.toISOString(), resendAfter: resendAfter.toISOString() },
    };
  });

  route(publicServer, addContact, async ({ auth, body, ip }) => {
    deps.wall(body.codeId);
    if (body.replaces !== undefined) deps.wall(body.replaces);
    const identifier = acceptIdentifier(registration, body.identifier);
    const network = networkOf(ip);
    const identifierHashes = [deps.codeSecrets.identifierHash(identifier.kind, identifier.value)];
    const { codeId, code, replaces } = body;
    await checkCode(deps, { codeId, purpose: 'bind', identifierHashes, code, network, accountId: auth.accountId });
    const added = await db.transaction((tx) => add(tx, deps, { ...auth, identifier, codeId, replaces, network }));
    return {
      status: 201,
      body: {
        contactId: added.contactId,
        kind: added.kind,
        masked: maskContact(added.kind, added.value),
        verifiedAt: added.verifiedAt.toISOString(),
      },
    };
  });

  route(publicServer, removeContact, async ({ auth, params, ip }) => {
    deps.wall(params.contactId);
    await db.transaction((tx) => remove(tx, deps, { ...auth, contactId: params.contactId, network: networkOf(ip) }));
    return { status: 204 };
  });
};
