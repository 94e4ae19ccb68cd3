// What belongs to another region is refused by name, from its public part alone.
import { regionMismatch } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { regionOfId } from '@meridian/kit/ids.ts';

export type Home = { readonly region: string; readonly addressOf: (region: string) => string | undefined };

const refuseForeign = ({ region, addressOf }: Home, what: string, named: string): never => {
  const address = addressOf(named);
  return fail(regionMismatch, {
    detail: `${what} belongs to region ${named}; this is ${region}${address === undefined ? '' : `. Use ${address}`}`,
    region: named,
    ...(address !== undefined && { address }),
  });
};

/** Refuses with 421 an id that names another region, with the address of its home where that is known. */
export const assertOwnRegion = (home: Home, id: string): void => {
  const named = regionOfId(id);
  if (named !== undefined && named !== home.region) refuseForeign(home, id, named);
};

/** Refuses with 421 a key of another region that is known. Never repeats the key. */
export const assertOwnKey = (home: Home, keyRegion: string): void => {
  if (keyRegion !== home.region && home.addressOf(keyRegion) !== undefined) refuseForeign(home, 'This key', keyRegion);
};
