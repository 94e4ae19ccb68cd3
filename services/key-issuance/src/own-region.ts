// What belongs to another region is refused by name, from its id alone.
import { regionMismatch } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { regionOfId } from '@meridian/kit/ids.ts';

export type Home = { readonly region: string; readonly addressOf: (region: string) => string | undefined };

/** Refuses with 421 an id that names another region, with the address of its home where that is known. */
export const assertOwnRegion = ({ region, addressOf }: Home, id: string): void => {
  const named = regionOfId(id);
  if (named === undefined || named === region) return;
  const address = addressOf(named);
  fail(regionMismatch, {
    detail: `${id} belongs to region ${named}; this is ${region}${address === undefined ? '' : `. Use ${address}`}`,
    region: named,
    ...(address !== undefined && { address }),
  });
};
