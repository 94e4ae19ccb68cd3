import { regionMismatch } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { regionOfId } from '@meridian/kit/ids.ts';
import type { RegionDirectory } from '@meridian/regions/region.ts';

export type RegionWall = (id: string) => void;

/** Refuses ids of other regions (421) from the id alone, naming their home and its address. */
export const createRegionWall =
  (region: string, directory: RegionDirectory): RegionWall =>
  (id) => {
    const home = regionOfId(id);
    if (home === region || home === undefined) return;
    const address = directory[home]?.addresses.api;
    fail(regionMismatch, {
      detail: address ? `This belongs to region ${home}; ask ${address}` : `This belongs to region ${home}`,
      region: home,
      ...(address && { address }),
    });
  };
