// Where a caller is. What one household or one rented host can vary at will counts as one place.
import { isIPv4, isIPv6 } from 'node:net';

const expand = (address: string): string[] => {
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  if (tail === undefined) return left;
  const right = tail === '' ? [] : tail.split(':');
  return [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
};

/** As socket addresses write it: IPv4 mapped into IPv6 counts as IPv4. */
const plainOf = (ip: string): string => ip.replace(/^::ffff:(?=[0-9.]+$)/i, '');

const prefixOf = (ip: string, groups: number): string =>
  `${expand(ip)
    .slice(0, groups)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/${groups * 16}`;

/** What is logged and counted of a caller: "203.0.113.0/24" or "2001:db8:0:1::/64". */
export const networkOf = (ip: string): string => {
  const plain = plainOf(ip);
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  return isIPv6(plain) ? prefixOf(plain, 4) : 'unknown';
};

/**
 * What sends are counted under. `address`: all that one host may use, an IPv4 address or a /64; `network`: what a host is rented with, or an
 * operator shares out, a /24 or a /48.
 */
export const placesOf = (ip: string): { readonly address: string; readonly network: string } => {
  const plain = plainOf(ip);
  return isIPv6(plain)
    ? { address: networkOf(plain), network: prefixOf(plain, 3) }
    : { address: `${isIPv4(plain) ? plain : 'unknown'}/32`, network: networkOf(plain) };
};
