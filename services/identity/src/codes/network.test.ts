import { describe, expect, test } from '@jest/globals';
import { networkOf, placesOf } from './network.ts';

describe('networkOf', () => {
  test.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['2001:0db8:0:1:aaaa:bbbb:cccc:dddd', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['nonsense', 'unknown'],
  ])('%s is of %s', (ip, network) => expect(networkOf(ip)).toBe(network));
});

describe('placesOf', () => {
  test.each([
    ['203.0.113.77', '203.0.113.77/32', '203.0.113.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.77/32', '203.0.113.0/24'],
    ['2001:db8:0:1:aaaa::1', '2001:db8:0:1::/64', '2001:db8:0::/48'],
    ['nonsense', 'unknown/32', 'unknown'],
  ])('%s is counted under %s and %s', (ip, address, network) => expect(placesOf(ip)).toEqual({ address, network }));
});
