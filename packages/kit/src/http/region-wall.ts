// The wall between regions: what names another region is refused with its home and never looked up here.
import { regionMismatch } from '@meridian/contracts/common.ts';
import { regionOfId } from '../ids.ts';
import { fail } from './problems.ts';

/** Public address of every region by id: refusals name the home of what belongs elsewhere. */
export type Directory = Readonly<Record<string, { readonly addresses: { readonly api: string } }>>;

/** Throws 421 `region_mismatch` for what names another region than `here`, with its address where the directory knows it. */
export const refuseForeign = (here: string, home: string | undefined, directory: Directory = {}): void => {
  if (home === undefined || home === here) return;
  // The name comes from outside: "constructor" is no region.
  const address = Object.hasOwn(directory, home) ? directory[home]?.addresses.api : undefined;
  fail(regionMismatch, {
    detail: `This belongs to region ${home}; this is ${here}${address === undefined ? '' : `. Use ${address}`}`,
    region: home,
    ...(address !== undefined && { address }),
  });
};

/** Refuses an id of another region from its public part alone. A text that is no id passes: the look-up finds nothing. */
export type RegionWall = (id: string) => void;

export const createRegionWall =
  (region: string, directory: Directory): RegionWall =>
  (id) =>
    refuseForeign(region, regionOfId(id), directory);
