// Sends a code to an address a person named, or only pretends to.
import { withCaptcha } from '../captcha/with-captcha.ts';
import type { Accepted } from '../codes/accept-identifier.ts';
import type { CodePurpose } from '../codes/code.ts';
import { refuseLimited } from '../codes/refuse-limited.ts';
import { sendCode } from '../codes/send-code.ts';
import { findOwner } from '../contacts/contact.store.ts';
import type { IdentityDeps } from '../deps.ts';

export type SendTo = {
  readonly identifier: Accepted;
  readonly purpose: CodePurpose;
  readonly ip: string;
  readonly captchaToken: string | undefined;
  /** The code works for this account only. */
  readonly accountId?: string;
  /** The message leaves only if the address is this account's; null: nobody's. Absent: it leaves. */
  readonly onlyFor?: string | null;
  /** Nor if it is this contact. */
  readonly exceptContact?: string | null;
};

export const sendTo = async (deps: IdentityDeps, { onlyFor, exceptContact, captchaToken, ...command }: SendTo) => {
  const { identifier } = command;
  // One recovery begun without a captcha must not stand for as many sends as its beginner likes.
  const sent = await withCaptcha(deps, captchaToken, (personShown) =>
    deps.db.transaction((tx) => sendCode(tx, { ...deps, region: deps.region.id }, { ...command, personShown })),
  );
  if (sent.outcome === 'limited') return refuseLimited(deps, sent);
  const { codeId, expiresAt, resendAfter, message } = sent;
  // Asked in any case: the time must not tell.
  const owner = await findOwner(deps.db.read, deps.codeSecrets.identifierHash(identifier.kind, identifier.value));
  const theirs = owner !== undefined && owner.accountId === onlyFor && owner.contactId !== exceptContact;
  if (message !== undefined && (onlyFor === undefined || theirs))
    deps.delivery.hand(identifier.method, { ...message, codeId });
  return {
    status: 202 as const,
    body: { codeId, expiresAt: expiresAt.toISOString(), resendAfter: resendAfter.toISOString() },
  };
};
