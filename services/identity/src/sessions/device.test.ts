import { describe, expect, test } from '@jest/globals';
import { createDeviceReader, summariseUserAgent } from './device.ts';

describe('the name of a device', () => {
  test.each([
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36 Edg/141.0',
      'Edge on Windows',
    ],
    [
      'Mozilla/5.0 (Linux; Android 15; 24129) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Mobile Safari/537.36',
      'Chrome on Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.60',
      'WeChat on iPhone',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    ['', 'unknown'],
    ['<script>', 'unknown'],
  ])('%s', (userAgent, name) => {
    expect(summariseUserAgent(userAgent)).toBe(name);
  });

  test('the place comes from the configured header only, bounded and without control characters', () => {
    const headers = { 'x-edge-place': `Wuhan\u0007${'x'.repeat(100)}`, 'x-other': 'Paris' };
    expect(createDeviceReader('x-edge-place')({ userAgent: '', headers }).place).toHaveLength(80);
    expect(createDeviceReader(undefined)({ userAgent: '', headers }).place).toBeNull();
  });
});
