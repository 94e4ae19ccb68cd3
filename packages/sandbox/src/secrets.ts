// Draws a fresh random set of everything that two parties share. The result is plain JSON.
import { generateKeyPair, generateKeyPairSync } from 'node:crypto';
import { promisify } from 'node:util';
import { type LoginSecrets, type RegionSecrets, type SandboxSecrets, sandboxSecrets } from './config.ts';
import { randomDigits, randomHex, randomText } from './crypto/random.ts';

const drawRsaKey = async () => {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { publicKey, privateKey };
};

const drawEcKey = () =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

const drawAccessKey = () => ({ accessKeyId: `LTAI5t${randomText(18)}`, accessKeySecret: randomText(30) });

const smsTemplates = () => ({
  code: { code: `SMS_${randomDigits(9)}` },
  notice: { code: `SMS_${randomDigits(9)}` },
});

const upperText = (length: number) => randomText(length).toUpperCase();

const drawLogins = async (region: string): Promise<LoginSecrets> => ({
  xiaomi: { clientId: `2882303${randomDigits(12)}`, clientSecret: randomText(24) },
  wechat: {
    appId: `wx${randomHex(8)}`,
    appSecret: randomHex(16),
    pushToken: randomText(24),
    encodingAesKey: randomText(43),
  },
  weibo: { clientId: `3${randomDigits(9)}`, clientSecret: randomHex(16) },
  qq: { clientId: `10${randomDigits(7)}`, clientSecret: randomHex(16) },
  alipay: { appId: `2021${randomDigits(12)}`, key: await drawRsaKey() },
  apple: {
    clientId: `example.meridian.${region}.web`,
    teamId: upperText(10),
    keyId: upperText(10),
    key: drawEcKey(),
  },
  google: {
    clientId: `${randomDigits(12)}-${randomHex(16)}.apps.googleusercontent.com`,
    clientSecret: `GOCSPX-${randomText(28)}`,
  },
  facebook: { appId: `1${randomDigits(14)}`, appSecret: randomHex(16) },
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
  logins: await drawLogins(region),
  captcha: { secret: randomText(40) },
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
  googleSigningKey: { kid: randomHex(20), key: await drawRsaKey() },
  appleSigningKey: { kid: randomText(10), key: await drawRsaKey() },
  alipayPlatform: { key: await drawRsaKey() },
});

type Tree = { [name: string]: unknown };
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
/** What is kept wins, member by member; what is missing comes from `fresh`. */
const keepOver = (kept: unknown, fresh: unknown): unknown =>
  isTree(kept) && isTree(fresh)
    ? {
        ...kept,
        ...Object.fromEntries(
          Object.entries(fresh).map(([name, value]) => [
            name,
            Object.hasOwn(kept, name) ? keepOver(kept[name], value) : value,
          ]),
        ),
      }
    : kept;

/**
 * A kept set with what it lacks: a region added later, or a party that the sandbox did not have when it was drawn. Nothing kept is drawn anew.
 * A complete set comes back as it is. Throws a ZodError for a set that is malformed.
 */
export const completeSandboxSecrets = async (kept: unknown, regions: string[]): Promise<SandboxSecrets> => {
  const whole = sandboxSecrets.safeParse(kept);
  if (whole.success && regions.every((region) => whole.data.regions[region])) return whole.data;
  const known = isTree(kept) && isTree(kept.regions) ? Object.keys(kept.regions) : [];
  return sandboxSecrets.parse(keepOver(kept, await createSandboxSecrets([...new Set([...known, ...regions])])));
};
