import { codeLimitReached } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { IdentityDeps } from '../deps.ts';
import type { SentCode } from './send-code.ts';

/** The refusal of a code that is not sent. The region's spend breaker is an alarm: it stops everybody. */
export const refuseLimited = (
  { log, codesStopped }: Pick<IdentityDeps, 'log' | 'codesStopped'>,
  { retryAfter, regionWide }: Extract<SentCode, { outcome: 'limited' }>,
): never => {
  if (regionWide) {
    codesStopped();
    log.error({ retryAfter }, 'ALARM: the spend breaker stops every code of the region');
  }
  return fail(codeLimitReached, { retryAfter, detail: `Wait ${retryAfter} seconds before asking again` });
};
