// Real-name verification comes before the first payment, where the profile says so.
import { realNameRequired } from '@meridian/contracts/billing.ts';
import { unavailable } from '@meridian/contracts/common.ts';
import { getVerificationStanding } from '@meridian/contracts/verification.ts';
import { assertNotFenced } from '@meridian/kit/account/fence.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Billing } from '../platform.ts';
import { isVerified, saveVerified } from './verified-account.store.ts';

const timeoutMs = 3_000;

/**
 * Passes a verified account. When billing's own copy says no, verification is asked once, so that a person just verified is not refused
 * while the event is on its way. Fails closed: `unavailable` when verification cannot be asked, `real_name_required` otherwise.
 * Call it outside a transaction.
 */
export const createRealNameGate = ({ platform, region, deps }: Billing, verificationUrl: string) => {
  const { realName } = region.profile;
  const { db, log } = platform;

  const ask = async (accountId: string) => {
    try {
      const options = { baseUrl: verificationUrl, params: { accountId }, timeoutMs };
      return (await platform.call(getVerificationStanding, options)).body;
    } catch (err) {
      log.warn({ err }, 'verification could not be asked: the recharge is refused');
      return fail(unavailable, { detail: 'The real-name verification cannot be checked at the moment', retryAfter: 2 });
    }
  };

  return async (accountId: string): Promise<void> => {
    if (realName.policy !== 'required' || !realName.before.includes('recharge')) return;
    if (await isVerified(db.read, accountId)) return;
    const { verified, kind } = await ask(accountId);
    if (!verified || kind === null)
      return fail(realNameRequired, { detail: 'Finish the real-name verification, then recharge' });
    await db.transaction(async (tx) => {
      await assertNotFenced(tx, accountId);
      await saveVerified(tx, { accountId, kind, at: deps.now() });
    });
  };
};
