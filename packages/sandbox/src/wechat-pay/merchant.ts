import type { SandboxSecrets } from '../config.ts';

/** A merchant as WeChat Pay knows it: never with the merchant's private key. */
export type Merchant = { mchId: string; appId: string; serial: string; publicKey: string; apiV3Key: string };

export const merchantsOf = (secrets: SandboxSecrets): Merchant[] =>
  Object.values(secrets.regions).map(({ wechatPay }) => ({
    mchId: wechatPay.mchId,
    appId: wechatPay.appId,
    serial: wechatPay.merchantSerial,
    publicKey: wechatPay.merchantKey.publicKey,
    apiV3Key: wechatPay.apiV3Key,
  }));

/** A merchant that nobody here is. */
export const otherMerchant = { mchid: '1999999999', appid: 'wxffffffffffffffff' };

/** The keys WeChat Pay signs with, by the serial it names in Wechatpay-Serial. The first is the usual one. */
export type PlatformKey = { serial: string; privateKey: string };
export const platformKeysOf = ({ wechatPayPlatform: platform }: SandboxSecrets): [PlatformKey, PlatformKey] => [
  { serial: platform.publicKeyId, privateKey: platform.publicKey.privateKey },
  { serial: platform.certificateSerial, privateKey: platform.certificate.privateKey },
];
