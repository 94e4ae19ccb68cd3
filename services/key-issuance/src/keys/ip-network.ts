// Addresses and CIDR blocks of IPv4 and IPv6 (RFC 4632, RFC 4291). An IPv4-mapped IPv6 address (::ffff:0:0/96) is the IPv4 address it carries, so
// that a list means the same whichever way a dual-stack listener writes its caller.
import { isIPv4, isIPv6 } from 'node:net';

export type Address = { readonly bits: 32 | 128; readonly value: bigint };
export type Network = Address & { readonly prefix: number };

const v4Value = (text: string): bigint =>
  text.split('.').reduce((value, octet) => (value << 8n) | BigInt(Number(octet)), 0n);

const v6Value = (text: string): bigint => {
  // A dotted tail stands for the last two groups.
  const dotted = /^(.*:)([0-9.]+)$/.exec(text);
  const tail = dotted?.[2]?.includes('.') ? v4Value(dotted[2]) : undefined;
  const plain =
    tail === undefined ? text : `${dotted?.[1]}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`;
  const [head = '', rest] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(Number.parseInt(group, 16)), 0n);
};

const mappedPrefix = 0xffffn;
const isMapped = (value: bigint) => value >> 32n === mappedPrefix;

/** undefined for what is not an address. Zones ("fe80::1%eth0") mean something on one machine only and are none. */
export const parseAddress = (text: string): Address | undefined => {
  if (isIPv4(text)) return { bits: 32, value: v4Value(text) };
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const value = v6Value(text);
  return isMapped(value) ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
};

/** An address or a block; bits below the prefix are cleared. undefined for what is neither. */
export const parseNetwork = (text: string): Network | undefined => {
  const [host = '', length, ...more] = text.split('/');
  const v6 = isIPv6(host) && !host.includes('%');
  if (more.length > 0 || (!v6 && !isIPv4(host))) return undefined;
  const all = v6 ? 128 : 32;
  if (length !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const prefix = length === undefined ? all : Number(length);
  if (prefix > all) return undefined;
  const masked = (value: bigint, bits: 32 | 128, kept: number): Network => {
    const low = BigInt(bits - kept);
    return { bits, value: (value >> low) << low, prefix: kept };
  };
  if (!v6) return masked(v4Value(host), 32, prefix);
  const value = v6Value(host);
  // A block of mapped addresses is a block of IPv4; a shorter prefix reaches beyond them and stays IPv6.
  return isMapped(value) && prefix >= 96 ? masked(value & 0xffffffffn, 32, prefix - 96) : masked(value, 128, prefix);
};

export const contains = (network: Network, address: Address): boolean => {
  if (network.bits !== address.bits) return false;
  const low = BigInt(network.bits - network.prefix);
  return network.value >> low === address.value >> low;
};

const v4Text = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');

const v6Text = (value: bigint): string => {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  // The URL standard writes IPv6 as RFC 5952 wants it.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
};

/** "10.0.0.0/8", "2001:db8::/32"; a single address without its prefix. */
export const networkText = ({ bits, value, prefix }: Network): string => {
  const host = bits === 32 ? v4Text(value) : v6Text(value);
  return prefix === bits ? host : `${host}/${prefix}`;
};

/** Whether the address is in one of the networks. What is no address is in none. */
export const isWithin = (networks: readonly string[], ip: string): boolean => {
  const address = parseAddress(ip);
  if (address === undefined) return false;
  return networks.some((text) => {
    const network = parseNetwork(text);
    return network !== undefined && contains(network, address);
  });
};
