import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { federatedLogins } from '@meridian/regions/profile.ts';
import { profiles } from '@meridian/regions/region.ts';
import { configureProviders, makeProviders } from './registry.ts';

const pem = (key: ReturnType<typeof generateKeyPairSync>['privateKey'], type: 'pkcs8' | 'spki') =>
  key.export({ type: type as 'pkcs8', format: 'pem' }).toString();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const secret = 'a-secret-of-some-length';
const env: Record<string, string> = {
  XIAOMI_CLIENT_ID: '2882303761517',
  XIAOMI_CLIENT_SECRET: secret,
  WECHAT_APP_ID: 'wx0123456789abcdef',
  WECHAT_APP_SECRET: secret,
  WECHAT_PUSH_TOKEN: 'atoken',
  WECHAT_ENCODING_AES_KEY: 'a'.repeat(43),
  WEIBO_CLIENT_ID: '3000000001',
  WEIBO_CLIENT_SECRET: secret,
  QQ_CLIENT_ID: '100000001',
  QQ_CLIENT_SECRET: secret,
  ALIPAY_LOGIN_APP_ID: '2021000000000001',
  ALIPAY_LOGIN_PRIVATE_KEY: pem(rsa.privateKey, 'pkcs8'),
  ALIPAY_LOGIN_PUBLIC_KEY: pem(rsa.publicKey, 'spki'),
  APPLE_CLIENT_ID: 'example.meridian.web',
  APPLE_TEAM_ID: 'ABCDEFGHIJ',
  APPLE_KEY_ID: 'KLMNOPQRST',
  APPLE_PRIVATE_KEY: pem(ec.privateKey, 'pkcs8'),
  GOOGLE_CLIENT_ID: 'x.apps.googleusercontent.com',
  GOOGLE_CLIENT_SECRET: secret,
  FACEBOOK_APP_ID: '100000000000001',
  FACEBOOK_APP_SECRET: secret,
};
const mistakes = (
  names: readonly (typeof federatedLogins)[number][],
  given: Record<string, string>,
  embedded = false,
): string => {
  try {
    configureProviders(names, given, { embedded });
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

describe('logins of a deployment', () => {
  test('are exactly those of its profile, in its order', () => {
    for (const profile of Object.values(profiles)) {
      const names = profile.registration.federated;
      const made = makeProviders(configureProviders(names, env, { embedded: false }), { now: () => new Date() });
      expect([...made.keys()]).toEqual(names);
      for (const [name, provider] of made) expect(provider.name).toBe(name);
    }
  });
  test.each(Object.keys(env))('without %s nothing starts, and the message names it', (variable) => {
    const { [variable]: _left, ...rest } = env;
    expect(mistakes(federatedLogins, rest)).toContain(`${variable} is missing`);
  });
  test('all that is missing is told at once, and no value with it', () => {
    const message = mistakes(federatedLogins, {
      ALIPAY_LOGIN_PRIVATE_KEY: 'a-key-that-is-none',
      QQ_CLIENT_SECRET: 'short-one',
    });
    for (const name of ['XIAOMI_CLIENT_ID', 'APPLE_PRIVATE_KEY', 'ALIPAY_LOGIN_PRIVATE_KEY', 'QQ_CLIENT_SECRET'])
      expect(message).toContain(name);
    expect(message).not.toMatch(/a-key-that-is-none|short-one/);
  });
  test('secrets of a login that the profile lacks are not needed', () => {
    expect(mistakes(['weibo'], { WEIBO_CLIENT_ID: '3000000001', WEIBO_CLIENT_SECRET: secret })).toBe('');
  });
  test('a provider is spoken to in the clear on one machine only', () => {
    const clear = { ...env, QQ_ENDPOINT: 'http://127.0.0.1:4000/qq' };
    expect(mistakes(['qq'], clear)).toContain('QQ_ENDPOINT');
    expect(mistakes(['qq'], clear, true)).toBe('');
  });
});
