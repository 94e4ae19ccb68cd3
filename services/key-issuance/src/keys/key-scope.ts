// Lists and times of a key as its owner gives them, checked beyond their form.
import { invalidInput } from '@meridian/contracts/common.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { networkText, parseNetwork } from './ip-network.ts';

/** Networks in canonical form, each once: "192.168.1.7/24" becomes "192.168.1.0/24", as the answer shows. */
export const canonicalNetworks = (networks: readonly string[] | null): string[] | null => {
  if (networks === null) return null;
  const texts = networks.map((text, i) => {
    const network = parseNetwork(text);
    if (network === undefined)
      return fail(invalidInput, {
        detail: `"${text}" is not an IPv4 or IPv6 address or CIDR block`,
        errors: [{ pointer: `/body/networks/${i}`, detail: 'must be an address or a CIDR block' }],
      });
    return networkText(network);
  });
  return [...new Set(texts)];
};

export const uniqueOrNull = (list: readonly string[] | null): string[] | null => list && [...new Set(list)];

/** A time that lies ahead. */
export const expiryAhead = (expiresAt: string | null, now: Date): Date | null => {
  if (expiresAt === null) return null;
  const at = new Date(expiresAt);
  if (at <= now)
    return fail(invalidInput, {
      detail: 'A key cannot expire in the past; name a time ahead, or revoke the key',
      errors: [{ pointer: '/body/expiresAt', detail: 'must lie ahead' }],
    });
  return at;
};
