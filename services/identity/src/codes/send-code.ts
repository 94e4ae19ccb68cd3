// Use case: issue a one-time code. Counts before anything is sent; what is sent leaves after the commit.
import type { Tx } from '@meridian/kit/db/database.ts';
import { type Now, newId } from '@meridian/kit/ids.ts';
import { type Gated, reserveBehind } from '../captcha/with-captcha.ts';
import { indexIsTaken } from '../contacts/contact.store.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { Accepted } from './accept-identifier.ts';
import { replaceCode } from './code.store.ts';
import { type CodePurpose, codeLifeMs } from './code.ts';
import { type CodeSecrets, drawCode } from './code-secrets.ts';
import { reserve } from './limit.store.ts';
import { bindWindows, failureWindows, type Rule, slotOf, type Window } from './limits.ts';
import { type PlaceLimits, placeRules, sendGates } from './place-rules.ts';

export type SendLimits = PlaceLimits & {
  readonly resendSeconds: number;
  readonly identifier: readonly Window[];
  readonly total: readonly Window[];
};
export type SendCodeDeps = {
  readonly region: string;
  readonly now: Now;
  readonly codeSecrets: CodeSecrets;
  readonly sendLimits: SendLimits;
};

export type SentCode =
  | { readonly outcome: 'limited'; readonly retryAfter: number; readonly regionWide: boolean }
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

/** The spend breaker of the whole region; notices by SMS count, too. */
export const totalRule = (limits: Pick<SendLimits, 'total'>): Rule => ({
  scope: 'total',
  slotSeconds: 60,
  windows: limits.total,
});

export const failureRule = (secrets: CodeSecrets, identifierHash: string): Rule => ({
  scope: secrets.identifierScope('fail', identifierHash),
  slotSeconds: 1,
  windows: failureWindows,
});

/** The same statements run for known and unknown identifiers, so answer and timing tell nothing. */
export const sendCode = async (
  tx: Tx<IdentitySchema>,
  deps: SendCodeDeps,
  command: {
    identifier: Accepted;
    purpose: CodePurpose;
    /** Of whoever asks. */
    ip: string;
    /** A signed-in person asks, or a captcha was solved. */
    personShown: boolean;
    accountId?: string;
  },
): Promise<Gated<SentCode>> => {
  const { identifier, purpose, ip } = command;
  const now = deps.now();
  const identifierHash = deps.codeSecrets.identifierHash(identifier.kind, identifier.value);
  const own = sendRule(deps, identifierHash);
  const total = totalRule(deps.sendLimits);
  const rules: Rule[] = [
    own,
    { ...failureRule(deps.codeSecrets, identifierHash), peek: true },
    ...placeRules(deps, ip),
    total,
  ];
  if (command.accountId !== undefined)
    rules.push({
      scope: deps.codeSecrets.accountScope('bind', command.accountId),
      slotSeconds: 1,
      windows: bindWindows,
    });
  const gates = sendGates(deps, ip);
  const retryAfter = await reserveBehind(tx, { personShown: command.personShown, gates, rules, now });
  if (retryAfter === 'captcha') return { outcome: 'captcha_required' };
  if (retryAfter !== undefined)
    return {
      outcome: 'limited',
      retryAfter,
      regionWide: (await reserve(tx, [{ ...total, peek: true }], now)) !== undefined,
    };

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
