// The network of a caller: /24 of IPv4, /64 of IPv6. What one household or one rented host can vary at will counts as one.
import { isIPv4, isIPv6 } from 'node:net';

const expand = (address: string): string[] => {
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  if (tail === undefined) return left;
  const right = tail === '' ? [] : tail.split(':');
  return [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
};

/** "203.0.113.0/24" or "2001:db8:0:1::/64"; IPv4 mapped into IPv6 counts as IPv4. */
export const networkOf = (ip: string): string => {
  const plain = ip.replace(/^::ffff:(?=[0-9.]+$)/i, '');
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  if (!isIPv6(plain)) return 'unknown';
  return `${expand(plain)
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
};
