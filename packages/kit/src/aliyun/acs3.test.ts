import { describe, expect, test } from '@jest/globals';
import { canonicalQuery, signAcs3, verifyAcs3 } from './acs3.ts';

const base = {
  method: 'POST',
  host: 'ecs.cn-shanghai.aliyuncs.com',
  path: '/',
  query: { ImageId: 'win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd', RegionId: 'cn-shanghai' },
  action: 'RunInstances',
  version: '2014-05-26',
  accessKeyId: 'YourAccessKeyId',
  accessKeySecret: 'YourAccessKeySecret',
  now: () => new Date('2023-10-26T10:22:32Z'),
  nonce: '3156853299f313e23d1673dc12e1703d',
} as const;

describe('acs3', () => {
  // The fixed-parameters example of the documentation page named in acs3.ts.
  test("the documentation's example", () => {
    expect(signAcs3(base).authorization).toBe(
      'ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0',
    );
  });
  test('values are encoded by RFC 3986 and sorted by code unit', () => {
    expect(canonicalQuery({ b: "a b*'()!~", a: '', B: '中/+' })).toBe('B=%E4%B8%AD%2F%2B&a=&b=a%20b%2A%27%28%29%21~');
  });
  const sent = { ...base, body: '{"a":1}', headers: { 'Content-Type': 'application/json', accept: 'x' } };
  const received = {
    method: base.method,
    path: '/',
    query: base.query,
    headers: signAcs3(sent),
    body: '{"a":1}',
    accessKeyId: base.accessKeyId,
    accessKeySecret: base.accessKeySecret,
    now: base.now,
  };
  test('what was signed is verified', () => {
    expect(received.headers.authorization).toContain('SignedHeaders=content-type;host;x-acs-action');
    expect(verifyAcs3(received)).toEqual({ valid: true });
  });
  test.each([
    ['body', { body: '{"a":2}' }],
    ['signature', { query: { ...base.query, RegionId: 'cn-beijing' } }],
    ['signature', { method: 'GET' }],
    ['signature', { accessKeySecret: 'another' }],
    ['credential', { accessKeyId: 'another' }],
    ['date', { now: () => new Date('2023-10-26T10:38:00Z') }],
    ['headers', { headers: { ...received.headers, 'x-acs-security-token': 'added' } }],
    ['signature', { headers: { ...received.headers, 'x-acs-action': 'DeleteInstances' } }],
    ['unsigned', { headers: { ...received.headers, authorization: undefined } }],
  ])('a change is refused: %s', (reason, change) => {
    expect(verifyAcs3({ ...received, ...change })).toEqual({ valid: false, reason });
  });
});
