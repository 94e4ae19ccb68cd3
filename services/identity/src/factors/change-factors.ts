// Use cases: set and remove the password, switch the authenticator app on and off. All need a fresh proof; all are told to the owner.
import { randomBytes } from 'node:crypto';
import { notFound } from '@meridian/contracts/common.ts';
import { factorInvalid, totpNotSetUp } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import type { NoticeKind } from '../notices/notice.ts';
import { tellOwner } from '../notices/tell-owner.ts';
import { dropBegun } from '../recovery/drop-begun.ts';
import { appendSecurityLog } from '../security-log/security-log.store.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { endSessions } from '../sessions/end-sessions.ts';
import {
  activateTotp,
  deletePassword,
  deleteTotp,
  dropIdleRecoveryCodes,
  putPassword,
  putPendingTotp,
  replaceRecoveryCodes,
  totpOf,
} from './factor.store.ts';
import { drawRecoveryCodes } from './recovery-codes.ts';
import { matchingStep } from './totp.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'publish' | 'factorHash'>;
type Change = { readonly accountId: string; readonly sessionId: string; readonly network: string };
type Transaction = Tx<IdentitySchema>;

/** What follows every change of credentials: told, logged, other sessions, pending sign-ins and recoveries ended. */
export const seal = async (
  tx: Transaction,
  deps: Pick<Deps, 'region' | 'now' | 'vault' | 'publish'>,
  { accountId, sessionId, network }: Change,
  kind: Extract<NoticeKind, 'password_changed' | 'totp_on' | 'totp_off' | 'passkey_added' | 'passkey_removed'>,
) => {
  await tellOwner(tx, deps, { accountId, kind });
  await appendSecurityLog(tx, { at: deps.now(), kind, accountId, sessionId, network });
  await dropBegun(tx, accountId, deps.now());
  await endSessions(tx, deps, { accountId, except: sessionId, reason: 'credentials_changed', network });
};

export const changePassword = async (
  tx: Transaction,
  deps: Deps,
  command: Change & { readonly hash: string | undefined },
): Promise<void> => {
  await assertProven(tx, deps, command);
  if (command.hash !== undefined) await putPassword(tx, command.accountId, command.hash, deps.now());
  else if (!(await deletePassword(tx, command.accountId))) return;
  await seal(tx, deps, command, 'password_changed');
};

export const beginTotp = async (tx: Transaction, deps: Deps, command: Omit<Change, 'network'>): Promise<Buffer> => {
  const { accountId } = command;
  await assertProven(tx, deps, command);
  const secret = randomBytes(20);
  const { wrapped } = await tx
    .selectFrom('account_key')
    .select('wrapped')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  await putPendingTotp(
    tx,
    accountId,
    deps.vault.seal(deps.vault.unwrap(accountId, wrapped), 'totp', secret.toString('base64url')),
  );
  return secret;
};

export const confirmTotp = async (
  tx: Transaction,
  deps: Deps,
  command: Change & { readonly code: string },
): Promise<string[]> => {
  const { accountId, code } = command;
  await assertProven(tx, deps, command);
  const totp = await totpOf(tx, accountId);
  if (totp?.pending == null) return fail(totpNotSetUp);
  const secret = Buffer.from(
    deps.vault.open(deps.vault.unwrap(accountId, totp.wrapped), 'totp', totp.pending),
    'base64url',
  );
  const step = matchingStep(secret, code, deps.now(), 0);
  if (step === undefined)
    return fail(factorInvalid, { detail: 'Check the clock of the device, then try its next code' });
  await activateTotp(tx, accountId, totp.pending, step, deps.now());
  const codes = drawRecoveryCodes();
  await replaceRecoveryCodes(
    tx,
    accountId,
    codes.map((one) => deps.factorHash(accountId, one)),
    deps.now(),
  );
  await seal(tx, deps, command, 'totp_on');
  return codes;
};

export const removeTotp = async (tx: Transaction, deps: Deps, command: Change): Promise<void> => {
  await assertProven(tx, deps, command);
  if (!(await deleteTotp(tx, command.accountId))) fail(notFound, { detail: 'No authenticator app is set up' });
  await dropIdleRecoveryCodes(tx, command.accountId);
  await seal(tx, deps, command, 'totp_off');
};
