// Use cases: begin to add a passkey, add it, remove one.
import { notFound } from '@meridian/contracts/common.ts';
import { lastLoginMethod, passkeyInvalid, tooManyPasskeys } from '@meridian/contracts/identity.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { newId } from '@meridian/kit/ids.ts';
import { generateRegistrationOptions, verifyRegistrationResponse } from '@simplewebauthn/server';
import { countLoginMethods } from '../account/login-methods.ts';
import type { IdentitySchema } from '../db/schema.ts';
import type { IdentityDeps } from '../deps.ts';
import { seal as sealChange } from '../factors/change-factors.ts';
import { dropIdleRecoveryCodes, replaceRecoveryCodes, secondFactorsOf } from '../factors/factor.store.ts';
import { drawRecoveryCodes } from '../factors/recovery-codes.ts';
import { assertProven } from '../sessions/assert-proven.ts';
import { deletePasskey, insertChallenge, insertPasskey, passkeysOf, takeChallenge } from './passkey.store.ts';

type Deps = Pick<IdentityDeps, 'region' | 'now' | 'vault' | 'publish' | 'factorHash'>;
type Change = { readonly accountId: string; readonly sessionId: string; readonly network: string };
type Transaction = Tx<IdentitySchema>;
type RegistrationResponse = Parameters<typeof verifyRegistrationResponse>[0]['response'];
const maxPasskeys = 20;

export const beginPasskey = async (tx: Transaction, deps: Deps, command: Omit<Change, 'network'>) => {
  const { accountId } = command;
  await assertProven(tx, deps, command);
  const known = await passkeysOf(tx, accountId);
  if (known.length >= maxPasskeys) fail(tooManyPasskeys);
  const options = await generateRegistrationOptions({
    rpName: 'Meridian',
    rpID: deps.region.profile.passkeys.rpId,
    userID: new TextEncoder().encode(accountId),
    // Shown by the device's own dialogue; no address leaves here.
    userName: `Meridian ${accountId.slice(-6)}`,
    attestationType: 'none',
    excludeCredentials: known.map((key) => ({ id: key.credential_id })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  });
  const challengeId = newId('chl', deps.region.id, deps.now());
  await insertChallenge(tx, { id: challengeId, accountId, challenge: options.challenge, now: deps.now() });
  return { challengeId, options };
};

export const addPasskey = async (
  tx: Transaction,
  deps: Deps,
  command: Change & { readonly challengeId: string; readonly name: string; readonly credential: unknown },
) => {
  const { accountId, challengeId, name } = command;
  const now = deps.now();
  await assertProven(tx, deps, command);
  const challenge = await takeChallenge(tx, challengeId, accountId, now);
  if (challenge === undefined)
    return fail(passkeyInvalid, { detail: 'Begin again: the challenge was used or is too old' });
  if ((await passkeysOf(tx, accountId)).length >= maxPasskeys) fail(tooManyPasskeys);
  const { rpId, origins } = deps.region.profile.passkeys;
  // The contract has checked the outer form; the library refuses whatever else is wrong with it, by throwing.
  const response = command.credential as RegistrationResponse;
  const result = await verifyRegistrationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: [...origins],
    expectedRPID: rpId,
    requireUserVerification: true,
  }).catch(() => undefined);
  if (result?.verified !== true) return fail(passkeyInvalid);
  const { credential } = result.registrationInfo;
  const first = (await secondFactorsOf(tx, accountId)).length === 0;
  const id = newId('pky', deps.region.id, now);
  const added = await insertPasskey(tx, {
    id,
    accountId,
    credentialId: credential.id,
    publicKey: Buffer.from(credential.publicKey),
    counter: credential.counter,
    name,
    now,
  });
  if (!added) return fail(passkeyInvalid, { detail: 'This passkey is in use already' });
  const recoveryCodes = first ? drawRecoveryCodes() : null;
  if (recoveryCodes !== null)
    await replaceRecoveryCodes(
      tx,
      accountId,
      recoveryCodes.map((one) => deps.factorHash(accountId, one)),
      now,
    );
  await sealChange(tx, deps, command, 'passkey_added');
  return { passkey: { passkeyId: id, name, createdAt: now.toISOString(), lastUsedAt: null }, recoveryCodes };
};

export const removePasskey = async (
  tx: Transaction,
  deps: Deps,
  command: Change & { readonly passkeyId: string },
): Promise<void> => {
  await assertProven(tx, deps, command);
  if (!(await deletePasskey(tx, command.accountId, command.passkeyId)))
    fail(notFound, { detail: 'The account has no such passkey' });
  if ((await countLoginMethods(tx, command.accountId)) === 0) fail(lastLoginMethod);
  await dropIdleRecoveryCodes(tx, command.accountId);
  await sealChange(tx, deps, command, 'passkey_removed');
};
