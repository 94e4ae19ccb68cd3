// Overseas: USD, e-mail address, no real-name verification, no invoicing.
import { defineProfile } from '../profile.ts';

export const global = defineProfile({
  id: 'global',
  name: 'Global',
  currency: 'USD',
  currencyStep: '10000000',
  languages: ['en', 'zh-CN'],
  addresses: {
    api: 'https://api.global.meridian.example',
    baseUrls: { payg: 'https://model.global.meridian.example/v1', plan: null },
  },
  corsOrigins: ['https://console.global.meridian.example'],
  registration: {
    methods: ['email_code'],
    federated: ['xiaomi', 'google', 'facebook'],
    returnAddresses: ['https://console.global.meridian.example/login'],
    phoneCountry: null,
    termsVersion: '2026-11',
    termsUrl: 'https://global.meridian.example/terms',
  },
  recovery: {
    coolingOffHours: 48,
    restrictedHours: 72,
    staffApproval: true,
    secondProofAfterIdleDays: 60,
    secondProofOnNewDevice: false,
  },
  passkeys: { rpId: 'global.meridian.example', origins: ['https://console.global.meridian.example'] },
  realName: { policy: 'not_required' },
  payment: { channels: ['waffo'], minimumRecharge: '1000000000', maximumRecharge: '10000000000000', orderMinutes: 30 },
  // The original's two pages contradict each other; the account FAQ wins: no invoicing overseas (docs/decisions).
  features: { invoicing: false },
  retention: {
    payments: { years: 8, basis: 'GDPR art. 17(3)(b) with national accounting law: payment records' },
    securityLog: { months: 6, basis: 'GDPR art. 6(1)(f): security of the service' },
  },
  // Nano-dollars per million tokens (1 dollar = 1,000,000,000).
  models: [
    {
      model: 'meridian-v2.5',
      promptPerMillion: '140000000',
      cachedPerMillion: '2800000',
      completionPerMillion: '280000000',
    },
    {
      model: 'meridian-v2.5-pro',
      promptPerMillion: '435000000',
      cachedPerMillion: '3600000',
      completionPerMillion: '870000000',
    },
  ],
  links: {
    helpCentre: 'https://help.global.meridian.example',
    support: 'https://help.global.meridian.example/contact',
    appeal: 'https://console.global.meridian.example/appeal',
    staffConsole: 'https://staff.global.meridian.example',
  },
});
