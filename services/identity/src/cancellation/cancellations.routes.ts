// Preview, cancel, status.
import { accountCancelled, notFound, unavailable } from '@meridian/contracts/common.ts';
import {
  cancelAccount,
  cancellationPreview,
  codeInvalid,
  consequencesNotAccepted,
  getCancellation,
  reauthenticationRequired,
} from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { refuseForeign } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import { checkCode } from '../codes/check-code.ts';
import { codeBelongsTo } from '../codes/code.store.ts';
import { networkOf } from '../codes/network.ts';
import { blindIndexesOf } from '../contacts/contact.store.ts';
import type { IdentityDeps } from '../deps.ts';
import { secondFactorsOf } from '../factors/factor.store.ts';
import { assertProven, assertProvenAgain } from '../sessions/assert-proven.ts';
import { assertNotFrozen } from './assert-not-frozen.ts';
import { cancelAccount as cancel } from './cancel-account.ts';
import { consequencesOf, participants } from './cancellation.ts';
import { readCancellation } from './cancellation-status.ts';
import { versionOf } from './consequences-version.ts';
import { driveFences } from './drive-fences.ts';
import { askForStanding } from './participants.ts';
import { regionOfReceiptToken } from './receipt.ts';

export const cancellationRoutes = (deps: IdentityDeps): void => {
  const { publicServer, db } = deps;

  const standingOf = (accountId: string) =>
    askForStanding(deps, accountId).catch((err: unknown) => {
      deps.log.warn({ err, accountId }, 'the consequences of a cancellation could not be found out');
      return fail(unavailable, { retryAfter: 5, detail: 'What would be lost cannot be told at the moment; try again' });
    });

  route(publicServer, cancellationPreview, async ({ auth }) => {
    const standing = await standingOf(auth.accountId);
    return {
      status: 200,
      body: { ...standing, consequences: consequencesOf(standing), consequencesVersion: versionOf(standing) },
    };
  });

  route(publicServer, cancelAccount, async ({ auth, body, ip }) => {
    const { codeId, code } = body;
    if (codeId !== undefined) deps.wall(codeId);
    if ((codeId === undefined) !== (code === undefined))
      return fail(codeInvalid, { detail: 'Send codeId and code together, or neither after a fresh proof' });
    const { accountId } = auth;
    const network = networkOf(ip);
    // Here, so that no proof is used up; and again by the use case, which holds the account's row.
    await db.transaction((tx) => assertNotFrozen(tx, deps, accountId));
    // With a second factor on, messages alone must not be enough to end the account.
    if ((await secondFactorsOf(db.read, accountId)).length > 0)
      await db.transaction((tx) => assertProven(tx, deps, auth));
    // An account without an address has no code; anybody may come with a fresh proof instead.
    if (codeId === undefined) await db.transaction((tx) => assertProvenAgain(tx, deps, auth));
    else {
      const identifierHashes = await blindIndexesOf(db.read, accountId);
      if (!(await codeBelongsTo(db.read, codeId, 'reauthenticate', identifierHashes)))
        return fail(reauthenticationRequired, {
          detail: 'Ask for a code with purpose "reauthenticate" for a contact of this account',
        });
      await checkCode(deps, { codeId, purpose: 'reauthenticate', identifierHashes, code: code ?? '', network });
    }
    // Before the code is used up, so that the person can look again and come back with the same code.
    if (versionOf(await standingOf(accountId)) !== body.consequencesVersion)
      return fail(consequencesNotAccepted, { detail: 'What would be lost has changed; show the preview again' });

    const cancelled = await db.transaction((tx) => cancel(tx, deps, { ...auth, codeId, reason: body.reason, network }));
    if (cancelled.outcome === 'code_used')
      return fail(codeInvalid, { detail: 'This code was just used; ask for a new one' });
    if (cancelled.outcome === 'already_closing') return fail(accountCancelled);
    const { sagaId, receiptToken } = cancelled;
    await driveFences(
      deps,
      participants.filter((service) => service !== 'identity').map((service) => ({ sagaId, accountId, service })),
    );
    const cancellation = await readCancellation(db.read, receiptToken);
    if (cancellation === undefined) throw new Error('a cancellation that was just committed is gone');
    return { status: cancellation.status === 'cancelling' ? 202 : 200, body: { cancellation, receiptToken } };
  });

  route(publicServer, getCancellation, async ({ body }) => {
    refuseForeign(deps.region.id, regionOfReceiptToken(body.receiptToken), deps.region.directory);
    const cancellation = await readCancellation(db.read, body.receiptToken);
    return { status: 200, body: cancellation ?? fail(notFound, { detail: 'No cancellation has this receipt token' }) };
  });
};
