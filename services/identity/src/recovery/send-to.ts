// Sends a code to an address a person named, or only pretends to.
import { captchaRequired } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import type { CodePurpose } from '../codes/code.ts';
import { refuseLimited } from '../codes/refuse-limited.ts';
import { sendCode } from '../codes/send-code.ts';
import { lockOwner } from '../contacts/contact.store.ts';
import type { IdentityDeps } from '../deps.ts';

export type SendTo = {
  readonly identifier: Accepted;
  readonly purpose: CodePurpose;
  readonly network: string;
  /** The code works for this account only. */
  readonly accountId?: string;
  /** The message leaves only if the address is this account's; null: nobody's. Absent: it leaves. */
  readonly onlyFor?: string | null;
  /** Nor if it is this contact. */
  readonly exceptContact?: string | null;
};

export const sendTo = async (deps: IdentityDeps, { onlyFor, exceptContact, ...command }: SendTo) => {
  const { identifier } = command;
  const { sent, owner } = await deps.db.transaction(async (tx) => ({
    // Whoever asks has begun a recovery or a sign-in, and met the captcha there.
    sent: await sendCode(tx, { ...deps, region: deps.region.id }, { ...command, personShown: true }),
    owner: await lockOwner(tx, deps.codeSecrets.identifierHash(identifier.kind, identifier.value)),
  }));
  if (sent.outcome === 'captcha_required') return fail(captchaRequired);
  if (sent.outcome === 'limited') return refuseLimited(deps, sent);
  const { codeId, expiresAt, resendAfter, message } = sent;
  const theirs = owner !== undefined && owner.accountId === onlyFor && owner.contactId !== exceptContact;
  if (message !== undefined && (onlyFor === undefined || theirs))
    deps.delivery.hand(identifier.method, { ...message, codeId });
  return {
    status: 202 as const,
    body: { codeId, expiresAt: expiresAt.toISOString(), resendAfter: resendAfter.toISOString() },
  };
};
