// What the operator of one region would have been given by every outside party: its own private keys, their public keys, addresses.
import type { SandboxSecrets } from './config.ts';

export type SandboxAddresses = { origin: string; smtp: { host: string; port: number } };

/** The configuration of a Meridian region against a sandbox. Throws if the secrets hold no such region. */
export const operatorView = (secrets: SandboxSecrets, region: string, { origin, smtp }: SandboxAddresses) => {
  const own = secrets.regions[region];
  if (!own) throw new Error(`the sandbox has no credentials for region "${region}"`);
  const { wechatPayPlatform, waffoPlatform } = secrets;
  return {
    /** Aliyun RPC endpoints: requests go to path "/" of this origin, the action is in a header. */
    sms: {
      endpoint: origin,
      accessKeyId: own.sms.accessKeyId,
      accessKeySecret: own.sms.accessKeySecret,
      signName: own.sms.signName,
      templates: Object.fromEntries(Object.entries(own.sms.templates).map(([name, template]) => [name, template.code])),
    },
    realName: { endpoint: origin, ...own.realName },
    mail: { ...smtp, secure: false, user: own.mail.user, password: own.mail.password },
    oidc: { issuer: `${origin}/oidc`, ...own.oidc, rolesClaim: 'roles' },
    wechatPay: {
      baseUrl: origin,
      appId: own.wechatPay.appId,
      mchId: own.wechatPay.mchId,
      apiV3Key: own.wechatPay.apiV3Key,
      merchantSerial: own.wechatPay.merchantSerial,
      merchantPrivateKey: own.wechatPay.merchantKey.privateKey,
      /** Both kinds, as during a migration: choose by the header Wechatpay-Serial. PEM, SPKI. */
      platformKeys: [
        { serial: wechatPayPlatform.publicKeyId, publicKey: wechatPayPlatform.publicKey.publicKey },
        { serial: wechatPayPlatform.certificateSerial, publicKey: wechatPayPlatform.certificate.publicKey },
      ],
    },
    waffo: {
      baseUrl: origin,
      merchantId: own.waffo.merchantId,
      apiKey: own.waffo.apiKey,
      merchantPrivateKey: own.waffo.merchantKey.privateKey,
      waffoPublicKey: waffoPlatform.key.publicKey,
    },
    captcha: { endpoint: `${origin}/captcha/siteverify`, secret: own.captcha.secret },
    model: { baseUrl: `${origin}/v1`, apiKey: own.model.apiKey },
    logins: {
      xiaomi: { ...own.logins.xiaomi, accountEndpoint: `${origin}/xiaomi`, openEndpoint: `${origin}/xiaomi` },
      wechat: { ...own.logins.wechat, openEndpoint: `${origin}/wechat`, apiEndpoint: `${origin}/wechat` },
      weibo: { ...own.logins.weibo, endpoint: `${origin}/weibo` },
      qq: { ...own.logins.qq, endpoint: `${origin}/qq` },
      alipay: {
        appId: own.logins.alipay.appId,
        privateKey: own.logins.alipay.key.privateKey,
        alipayPublicKey: secrets.alipayPlatform.key.publicKey,
        authorizeEndpoint: `${origin}/alipay`,
        gateway: `${origin}/alipay/gateway.do`,
      },
      apple: {
        clientId: own.logins.apple.clientId,
        teamId: own.logins.apple.teamId,
        keyId: own.logins.apple.keyId,
        privateKey: own.logins.apple.key.privateKey,
        issuer: `${origin}/apple`,
      },
      google: { ...own.logins.google, issuer: `${origin}/google` },
      facebook: { ...own.logins.facebook, dialogEndpoint: `${origin}/facebook`, graphEndpoint: `${origin}/facebook` },
    },
    pages: { inbox: `${origin}/inbox`, inboxMessages: `${origin}/inbox/messages`, control: `${origin}/control` },
  };
};
export type OperatorView = ReturnType<typeof operatorView>;
