// A key at the wrong door is told where it belongs, from its public part alone.
import type { KeyProduct, KeyRefusal } from '@meridian/contracts/key-issuance.ts';

/** Region and product of a key's public part. */
export type KeyOrigin = { readonly region: string; readonly product: KeyProduct };

/** Base URL of a product in a region; undefined when the region is unknown, null when it does not sell the product. */
export type BaseUrlOf = (region: string, product: KeyProduct) => string | null | undefined;

type BaseUrls = Readonly<Record<KeyProduct, string | null>>;

/** Answers from the directory of all regions. */
export const baseUrlsIn =
  (directory: Readonly<Record<string, { readonly addresses: { readonly baseUrls: BaseUrls } }>>): BaseUrlOf =>
  (region, product) =>
    // The name comes from outside: "constructor" is no region.
    Object.hasOwn(directory, region) ? directory[region]?.addresses.baseUrls[product] : undefined;

/**
 * Refuses a key that belongs elsewhere, or is none (`origin` undefined). A region nobody knows is no better than no key: naming it would
 * make up an address.
 */
export const refuseOrigin = (
  origin: KeyOrigin | undefined,
  door: KeyOrigin,
  baseUrlOf: BaseUrlOf,
): KeyRefusal | undefined => {
  if (origin === undefined) return { code: 'key_invalid' };
  const baseUrl = baseUrlOf(origin.region, origin.product);
  if (baseUrl === undefined) return { code: 'key_invalid' };
  const home = { region: origin.region, ...(baseUrl !== null && { baseUrl }) };
  if (origin.region !== door.region) return { code: 'key_region_mismatch', ...home };
  if (origin.product !== door.product) return { code: 'key_product_mismatch', ...home };
  return undefined;
};
