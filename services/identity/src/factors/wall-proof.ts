// Ids within a proof are walled like all others, before anything is looked up.
import type { RegionWall } from '@meridian/kit/http/region-wall.ts';

type GivenProof = { readonly method: string; readonly codeId?: string; readonly challengeId?: string };

export const wallProof = ({ wall }: { readonly wall: RegionWall }, { codeId, challengeId }: GivenProof): void => {
  if (codeId !== undefined) wall(codeId);
  if (challengeId !== undefined) wall(challengeId);
};
