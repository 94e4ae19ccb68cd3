// Mainland China: CNY, mobile number, real-name verification before payment.
import { defineProfile } from '../profile.ts';

export const cn = defineProfile({
  id: 'cn',
  name: '中国大陆 (Mainland China)',
  currency: 'CNY',
  currencyStep: '10000000',
  languages: ['zh-CN', 'en'],
  addresses: {
    api: 'https://api.cn.meridian.example',
    baseUrls: { payg: 'https://model.cn.meridian.example/v1', plan: null },
  },
  corsOrigins: ['https://console.cn.meridian.example'],
  registration: {
    methods: ['phone_code'],
    federated: ['xiaomi', 'wechat', 'weibo', 'qq', 'alipay', 'apple'],
    returnAddresses: ['https://console.cn.meridian.example/login'],
    bindPhone: true,
    phoneCountry: 'CN',
    termsVersion: '2026-11',
    termsUrl: 'https://cn.meridian.example/terms',
  },
  recovery: {
    coolingOffHours: 48,
    restrictedHours: 72,
    staffApproval: false,
    secondProofAfterIdleDays: 60,
    secondProofOnNewDevice: false,
  },
  passkeys: { rpId: 'cn.meridian.example', origins: ['https://console.cn.meridian.example'] },
  realName: {
    policy: 'required',
    before: ['recharge', 'package', 'upgrade', 'renewal'],
    kinds: ['personal'],
    consentVersion: '2026-11',
    provider: 'aliyun_id2',
    minimumAge: 18,
    accountsPerPerson: 3,
    attemptsPerDay: 5,
  },
  payment: {
    channels: ['wechat_pay'],
    minimumRecharge: '1000000000',
    maximumRecharge: '50000000000000',
    orderMinutes: 30,
  },
  // Fapiao are not built yet; the profile says what the deployment does, not what is planned.
  features: { invoicing: false },
  retention: {
    payments: { years: 3, basis: 'E-Commerce Law of the PRC, article 31: transaction records, three years' },
    securityLog: { months: 6, basis: 'Cybersecurity Law of the PRC, article 21: network logs, six months' },
  },
  // Nano-yuan per million tokens (1 yuan = 1,000,000,000).
  models: [
    {
      model: 'meridian-v2.5',
      promptPerMillion: '1000000000',
      cachedPerMillion: '20000000',
      completionPerMillion: '2000000000',
    },
    {
      model: 'meridian-v2.5-pro',
      promptPerMillion: '3000000000',
      cachedPerMillion: '25000000',
      completionPerMillion: '6000000000',
    },
  ],
  links: {
    helpCentre: 'https://help.cn.meridian.example',
    support: 'https://help.cn.meridian.example/contact',
    appeal: 'https://console.cn.meridian.example/appeal',
    staffConsole: 'https://staff.cn.meridian.example',
  },
});
