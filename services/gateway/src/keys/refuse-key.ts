// A refused key, in words that say what to do next.
import { explainKeyRefusal, keyRefusalProblems } from '@meridian/client/key-refusal.ts';
import type { KeyRefusal } from '@meridian/contracts/key-issuance.ts';
import { fail } from '@meridian/kit/http/problems.ts';

export const refuseKey = (refusal: KeyRefusal): never => {
  const { code, ...members } = refusal;
  return fail(keyRefusalProblems[code], { detail: explainKeyRefusal(refusal), ...members });
};
