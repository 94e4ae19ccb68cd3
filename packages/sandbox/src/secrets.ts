// Draws a fresh random set of everything that two parties share. The result is plain JSON.
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { RegionSecrets, SandboxSecrets } from './config.ts';
import { randomDigits, randomHex, randomText } from './crypto/random.ts';

const drawRsaKey = async () => {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { publicKey, privateKey };
};

const drawAccessKey = () => ({ accessKeyId: `LTAI5t${randomText(18)}`, accessKeySecret: randomText(30) });

const smsTemplates = () => ({
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the vendor's own placeholder syntax
  code: { code: `SMS_${randomDigits(9)}`, text: '您的验证码为：${code}，5分钟内有效，请勿泄露于他人。' },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the vendor's own placeholder syntax
  notice: { code: `SMS_${randomDigits(9)}`, text: '尊敬的用户，${text}' },
});

const drawRegion = async (region: string): Promise<RegionSecrets> => ({
  sms: { ...drawAccessKey(), signName: '子午线平台', templates: smsTemplates() },
  realName: drawAccessKey(),
  mail: { user: `meridian-${region}`, password: randomText(32) },
  oidc: { clientId: `meridian-${region}-${randomHex(4)}`, clientSecret: randomText(48) },
  wechatPay: {
    appId: `wx${randomHex(8)}`,
    mchId: `19${randomDigits(8)}`,
    apiV3Key: randomText(32),
    merchantSerial: randomHex(20).toUpperCase(),
    merchantKey: await drawRsaKey(),
  },
  waffo: { merchantId: `M${randomDigits(12)}`, apiKey: randomText(48), merchantKey: await drawRsaKey() },
  model: { apiKey: `sk-sandbox-${randomText(40)}` },
});

/** One set per region, plus the outside parties' own keys. Takes about a second: RSA keys of 2,048 bits. */
export const createSandboxSecrets = async (regions: string[] = ['cn', 'global']): Promise<SandboxSecrets> => ({
  regions: Object.fromEntries(
    await Promise.all(regions.map(async (region) => [region, await drawRegion(region)] as const)),
  ),
  wechatPayPlatform: {
    publicKeyId: `PUB_KEY_ID_01${randomDigits(28)}`,
    publicKey: await drawRsaKey(),
    certificateSerial: randomHex(20).toUpperCase(),
    certificate: await drawRsaKey(),
  },
  waffoPlatform: { key: await drawRsaKey() },
  oidcSigningKey: { kid: randomHex(8), key: await drawRsaKey() },
});
