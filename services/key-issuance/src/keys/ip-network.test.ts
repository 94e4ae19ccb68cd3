import { BlockList } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contains, networkText, parseAddress, parseNetwork } from './ip-network.ts';

const inside = (network: string, address: string) => contains(parseNetwork(network)!, parseAddress(address)!);

describe('CIDR blocks', () => {
  test.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['192.168.1.0/24', '192.168.1.255', true],
    ['192.168.1.0/24', '192.168.2.0', false],
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.7', '203.0.113.8', false],
    ['203.0.113.6/31', '203.0.113.7', true],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '10.0.0.1', false],
    ['2001:db8::/32', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['2001:db8::/33', '2001:db8:8000::', false],
    ['2001:db8::1', '2001:0db8:0:0:0:0:0:1', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '::ffff:0a01:0203', true],
    ['::ffff:10.0.0.0/104', '11.1.2.3', false],
    ['64:ff9b::/96', '64:ff9b::10.1.2.3', true],
  ])('%s and %s: %s', (network, address, expected) => {
    expect(inside(network, address)).toBe(expected);
  });

  test.each([
    ['192.168.1.77/24', '192.168.1.0/24'],
    ['2001:DB8:0:0::1/32', '2001:db8::/32'],
    ['::ffff:10.9.9.9/104', '10.0.0.0/8'],
    ['::FFFF:1.2.3.4', '1.2.3.4'],
    ['1.2.3.4/32', '1.2.3.4'],
    ['::1/128', '::1'],
    ['::ffff:0:0/95', '::fffe:0:0/95'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ])('%s is written %s', (given, canonical) => {
    expect(networkText(parseNetwork(given)!)).toBe(canonical);
  });

  test.each([
    '',
    'x',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0/8',
    '10.0.0.0/8/8',
    '010.0.0.1',
    '::/129',
    'fe80::1%eth0',
    'fe80::/10%eth0',
    '10.0.0.0/',
    ' 10.0.0.1',
    ':::',
  ])('"%s" is none', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });

  test("agrees with Node's block list on any block and address", () => {
    const v4 = fc.ipV4();
    const v6 = fc.ipV6();
    fc.assert(
      fc.property(
        fc.oneof(fc.tuple(v4, fc.nat(32), v4), fc.tuple(v6, fc.nat(128), v6)),
        fc.boolean(),
        ([host, prefix, other], near) => {
          const type = host.includes(':') ? 'ipv6' : 'ipv4';
          const network = parseNetwork(`${host}/${prefix}`)!;
          fc.pre(type === 'ipv4' || network.bits === 128);
          const list = new BlockList();
          list.addSubnet(host, prefix, type);
          const address = near ? host : other;
          fc.pre(parseAddress(address)!.bits === network.bits);
          expect(contains(network, parseAddress(address)!)).toBe(list.check(address, type));
          expect(parseNetwork(networkText(network))).toEqual(network);
        },
      ),
    );
  });
});
