import type { SandboxSecrets } from '../config.ts';

/** A merchant as Waffo knows it: never with the merchant's private key. */
export type Merchant = { merchantId: string; apiKey: string; publicKey: string };

/** A merchant that nobody here is. */
export const otherMerchant = { merchantId: 'M000000000000' };

export const merchantsOf = (secrets: SandboxSecrets): Merchant[] =>
  Object.values(secrets.regions).map(({ waffo }) => ({
    merchantId: waffo.merchantId,
    apiKey: waffo.apiKey,
    publicKey: waffo.merchantKey.publicKey,
  }));
