// Refuses what belongs to another region, from the public part of its id alone.
import { regionMismatch } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { regionOfId } from '@meridian/kit/ids.ts';
import type { Region } from '@meridian/regions/region.ts';

/** Throws 421 `region_mismatch`, naming the home region and its address. */
export const refuseRegion = (here: Pick<Region, 'id' | 'directory'>, home: string | undefined): void => {
  if (home === undefined || home === here.id) return;
  const address = Object.hasOwn(here.directory, home) ? here.directory[home]?.addresses.api : undefined;
  const where = address === undefined ? '' : ` Use ${address}`;
  fail(regionMismatch, {
    detail: `This belongs to region ${home}; this is ${here.id}.${where}`,
    region: home,
    address,
  });
};

export const refuseForeign = (here: Pick<Region, 'id' | 'directory'>, id: string): void =>
  refuseRegion(here, regionOfId(id));
