import { securityEmailRequired } from '@meridian/contracts/billing.ts';
import { unavailable } from '@meridian/contracts/common.ts';
import { getSecurityEmail } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { Billing } from '../platform.ts';

const timeoutMs = 3_000;
/** Waffo's limit of userEmail. */
const longest = 64;

/**
 * The verified address of an account, asked of identity each time and never stored here. An address is never invented: without one the
 * recharge is refused with `security_email_required`; `unavailable` when identity cannot be asked. Call it outside a transaction.
 */
export const createPayerEmail =
  ({ platform }: Billing, identityUrl: string) =>
  async (accountId: string): Promise<string> => {
    const asked = await platform
      .call(getSecurityEmail, { baseUrl: identityUrl, params: { accountId }, timeoutMs })
      .catch((err: unknown) => {
        platform.log.warn({ err }, 'identity could not be asked for the address of a payer');
        return fail(unavailable, { detail: 'Your e-mail address cannot be looked up at the moment', retryAfter: 2 });
      });
    const { email } = asked.body;
    if (email === null)
      return fail(securityEmailRequired, { detail: 'Add and verify an e-mail address, then recharge' });
    if (email.length > longest)
      return fail(securityEmailRequired, {
        detail: `This payment channel takes addresses of at most ${longest} characters`,
      });
    return email;
  };
