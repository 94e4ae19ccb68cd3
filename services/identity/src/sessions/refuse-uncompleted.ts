// The answer to a first factor that is right where a second one is on.
import { secondFactorRequired } from '@meridian/contracts/identity.ts';
import { fail } from '@meridian/kit/http/problems.ts';

export const refuseUncompleted = ({ challenge, factors }: { challenge: string; factors: readonly string[] }): never =>
  fail(secondFactorRequired, {
    detail: 'Send the challenge with a second factor to /v1/sessions/second-factor',
    challenge,
    factors,
  });
