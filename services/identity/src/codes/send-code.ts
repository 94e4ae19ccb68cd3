// Use case: issue a one-time code. Counts before anything is sent; what is sent leaves after the commit.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Now, newId } from '@meridian/kit/ids.ts';
import { indexIsTaken } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { Accepted } from './accept-identifier.ts';
import { replaceCode } from './code.store.ts';
import { type CodePurpose, codeLifeMs } from './code.ts';
import { type CodeSecrets, drawCode } from './code-secrets.ts';
import { reserve } from './limit.store.ts';
import { failureWindows, type Rule, slotOf, type Window } from './limits.ts';

export type SendLimits = {
  readonly resendSeconds: number;
  readonly identifier: readonly Window[];
  readonly network: readonly Window[];
  /** Sends of one network without a captcha. */
  readonly beforeCaptcha: readonly Window[];
  readonly total: readonly Window[];
};
export type SendCodeDeps = {
  readonly region: string;
  readonly now: Now;
  readonly codeSecrets: CodeSecrets;
  readonly sendLimits: SendLimits;
};

export type SentCode =
  | { readonly outcome: 'limited'; readonly retryAfter: number }
  | {
      readonly outcome: 'issued';
      readonly codeId: string;
      readonly expiresAt: Date;
      readonly resendAfter: Date;
      /** Absent when nothing is to be sent: nobody can reauthenticate with an identifier that belongs to no account. */
      readonly message?: { readonly to: string; readonly code: string };
    };

const sendRule = (deps: SendCodeDeps, identifierHash: string): Rule => ({
  scope: deps.codeSecrets.identifierScope('send', identifierHash),
  slotSeconds: 1,
  windows: deps.sendLimits.identifier,
});

export const failureRule = (secrets: CodeSecrets, identifierHash: string): Rule => ({
  scope: secrets.identifierScope('fail', identifierHash),
  slotSeconds: 1,
  windows: failureWindows,
});

/** Whether the network has used up what it may ask for without a captcha. Counts in the same place as every other limit: no store, no send. */
export const needsCaptcha = async (
  tx: Tx<IdentitySchema>,
  { codeSecrets, sendLimits, now }: SendCodeDeps,
  network: string,
): Promise<boolean> => {
  const rule: Rule = {
    scope: codeSecrets.networkScope(network),
    slotSeconds: 60,
    windows: sendLimits.beforeCaptcha,
    peek: true,
  };
  return (await reserve(tx, [rule], now())) !== undefined;
};

/** The same statements run for known and unknown identifiers, so answer and timing tell nothing. */
export const sendCode = async (
  tx: Tx<IdentitySchema>,
  deps: SendCodeDeps,
  command: { identifier: Accepted; purpose: CodePurpose; network: string; accountId?: string },
): Promise<SentCode> => {
  const { identifier, purpose, network } = command;
  const now = deps.now();
  const identifierHash = deps.codeSecrets.identifierHash(identifier.kind, identifier.value);
  const own = sendRule(deps, identifierHash);
  const retryAfter = await reserve(
    tx,
    [
      own,
      { ...failureRule(deps.codeSecrets, identifierHash), peek: true },
      { scope: deps.codeSecrets.networkScope(network), slotSeconds: 60, windows: deps.sendLimits.network },
      { scope: 'total', slotSeconds: 60, windows: deps.sendLimits.total },
    ],
    now,
  );
  if (retryAfter !== undefined) return { outcome: 'limited', retryAfter };

  const codeId = newId('cod', deps.region, now);
  const code = drawCode();
  const expiresAt = new Date(now.getTime() + codeLifeMs);
  await replaceCode(tx, {
    id: codeId,
    purpose,
    identifierHash,
    codeHash: deps.codeSecrets.codeHash(codeId, code),
    createdAt: now,
    expiresAt,
    accountId: command.accountId,
  });
  const known = await indexIsTaken(tx, identifierHash);
  const resendAfter = new Date(slotOf(now, own.slotSeconds).getTime() + deps.sendLimits.resendSeconds * 1_000);
  const send = purpose === 'login' || purpose === 'bind' || known;
  return {
    outcome: 'issued',
    codeId,
    expiresAt,
    resendAfter,
    ...(send && { message: { to: identifier.value, code } }),
  };
};
