import { regionMismatch } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { regionOfId } from '@meridian/kit/ids.ts';

export type RegionDirectory = Readonly<Record<string, { readonly addresses: { readonly api: string } }>>;

/** Refuses an id of another region from its public part alone, naming its home and, where known, the address of it. */
export const assertHome = (here: string, directory: RegionDirectory, id: string): void => {
  const home = regionOfId(id);
  if (home === undefined || home === here) return;
  const address = Object.hasOwn(directory, home) ? directory[home]?.addresses.api : undefined;
  fail(regionMismatch, {
    detail: `This belongs to region ${home}; this is ${here}${address ? `. Use ${address}` : ''}`,
    region: home,
    ...(address && { address }),
  });
};
