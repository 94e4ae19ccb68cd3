// Everything that differs between regions, as one strict value. The only code that knows a region's name is below profiles/.
import { currency, nanoAmount, regionId } from '@meridian/contracts/common.ts';
import { regionAddresses } from '@meridian/contracts/identity.ts';
import { rateLimits } from '@meridian/contracts/key-issuance.ts';
import { z } from 'zod';

/** How a person registers and signs in. Each method has a provider in identity; a method without one does not compile there. */
export const loginMethods = ['phone_code', 'email_code'] as const;
export type LoginMethod = (typeof loginMethods)[number];

/** Accounts elsewhere by which a person may sign in. Each has a provider client in identity. */
export const federatedLogins = ['xiaomi', 'wechat', 'weibo', 'qq', 'alipay', 'apple', 'google', 'facebook'] as const;
export type FederatedLogin = (typeof federatedLogins)[number];

/** Payment channels. Each has a provider in billing. */
export const paymentChannels = ['wechat_pay', 'waffo'] as const;
export type PaymentChannel = (typeof paymentChannels)[number];

/** Registries that confirm a person's name and number. Each has a provider in verification. */
export const realNameProviders = ['aliyun_id2'] as const;
export type RealNameProvider = (typeof realNameProviders)[number];

const realName = z.discriminatedUnion('policy', [
  z.strictObject({ policy: z.literal('not_required') }),
  z.strictObject({
    policy: z.literal('required'),
    before: z.array(z.enum(['recharge', 'package', 'upgrade', 'renewal'])).min(1),
    kinds: z.array(z.enum(['personal', 'enterprise'])).min(1),
    /** Of the text by which a person agrees to the check; front ends show that version and send its name along. */
    consentVersion: z.string().min(1).max(40),
    provider: z.enum(realNameProviders),
    minimumAge: z.number().int().min(0).max(30),
    accountsPerPerson: z.number().int().min(1).max(10),
    attemptsPerDay: z.number().int().min(1).max(20),
  }),
]);

const modelPrice = z.strictObject({
  model: z.string().min(1).max(100),
  /** Nano-units of the region's currency per million tokens. */
  promptPerMillion: nanoAmount,
  cachedPerMillion: nanoAmount,
  completionPerMillion: nanoAmount,
});

/** Limits of each account on each model: by model, and for the others. */
export const accountModelLimits = z.strictObject({
  default: rateLimits,
  models: z.record(z.string().min(1).max(100), rateLimits).default({}),
});

export const profileSchema = z.strictObject({
  id: regionId,
  name: z.string().min(1).max(60),
  currency,
  /** Smallest payable step in nano-units: one fen or one cent is 10,000,000. */
  currencyStep: nanoAmount,
  languages: z
    .array(z.enum(['zh-CN', 'en']))
    .min(1)
    .describe('The first is used where the person has not chosen'),
  addresses: regionAddresses.describe('Production addresses; a deployment may give its own'),
  corsOrigins: z.array(z.url()),
  registration: z.strictObject({
    methods: z.array(z.enum(loginMethods)).min(1),
    /** In the order in which front ends show them. */
    federated: z
      .array(z.enum(federatedLogins))
      .refine((names) => new Set(names).size === names.length, { message: 'a login is named twice' })
      .default([]),
    /** Where a browser may be sent back to after a login elsewhere; compared character by character. */
    returnAddresses: z.array(z.url()).default([]),
    /** A login elsewhere has an account only once a mobile number is bound to it. */
    bindPhone: z.boolean().default(false),
    /** Calling codes that may receive a text message; the pattern is matched against E.164. */
    phoneCountry: z.enum(['CN']).nullable(),
    termsVersion: z.string().min(1).max(40),
    termsUrl: z.url(),
  }),
  /** For those who cannot sign in. */
  recovery: z
    .strictObject({
      /** A ticket rests for this long, so that the owner can stop it. */
      coolingOffHours: z.number().int().min(24).max(72),
      /** After a recovery neither recharge nor new keys for this long. */
      restrictedHours: z.number().int().min(24).max(168),
      /** Whether staff decide every ticket; without it only those that no real name speaks for. */
      staffApproval: z.boolean(),
      /** A code to a number alone opens no account that was not used for this long: numbers change hands. */
      secondProofAfterIdleDays: z.number().int().min(7).max(365),
      /** Nor, on a device not seen before, one that has another proof to show. */
      secondProofOnNewDevice: z.boolean(),
    })
    .prefault({
      coolingOffHours: 48,
      restrictedHours: 72,
      staffApproval: true,
      secondProofAfterIdleDays: 60,
      secondProofOnNewDevice: false,
    }),
  /** WebAuthn: the domain passkeys belong to, and the pages that may use them (https://www.w3.org/TR/webauthn-3/#rp-id). */
  passkeys: z.strictObject({ rpId: z.string().min(1).max(253), origins: z.array(z.url()).min(1) }),
  realName,
  payment: z.strictObject({
    channels: z.array(z.enum(paymentChannels)).min(1),
    minimumRecharge: nanoAmount,
    maximumRecharge: nanoAmount,
    orderMinutes: z.number().int().min(5).max(120),
  }),
  features: z.strictObject({ invoicing: z.boolean() }),
  retention: z.strictObject({
    payments: z.strictObject({ years: z.number().int().min(0).max(30), basis: z.string().min(1).max(200) }),
    securityLog: z.strictObject({ months: z.number().int().min(0).max(120), basis: z.string().min(1).max(200) }),
  }),
  models: z.array(modelPrice).min(1),
  /** Without it: what the original documents for every model. */
  accountModelLimits: accountModelLimits.prefault({
    default: { requestsPerMinute: 100, tokensPerMinute: 10_000_000 },
  }),
  links: z.strictObject({ helpCentre: z.url(), support: z.url(), appeal: z.url(), staffConsole: z.url() }),
});
export type Profile = z.infer<typeof profileSchema>;

/** Parses a profile and checks what one member says against another. Throws a ZodError. */
export const defineProfile = (value: z.input<typeof profileSchema>): Profile =>
  profileSchema
    .refine((p) => !p.registration.methods.includes('phone_code') || p.registration.phoneCountry !== null, {
      path: ['registration', 'phoneCountry'],
      message: 'phone_code needs the country whose mobiles may be texted',
    })
    .refine((p) => !p.registration.bindPhone || p.registration.methods.includes('phone_code'), {
      path: ['registration', 'bindPhone'],
      message: 'a phone can be bound only where phone_code proves it',
    })
    .refine((p) => p.registration.federated.length === 0 || p.registration.returnAddresses.length > 0, {
      path: ['registration', 'returnAddresses'],
      message: 'logins elsewhere need a page to come back to',
    })
    .refine(
      ({ passkeys: { rpId, origins } }) =>
        origins.map((origin) => new URL(origin).hostname).every((host) => host === rpId || host.endsWith(`.${rpId}`)),
      { path: ['passkeys', 'origins'], message: 'a page lies outside of the domain of its passkeys' },
    )
    .refine((p) => BigInt(p.payment.minimumRecharge) <= BigInt(p.payment.maximumRecharge), {
      path: ['payment', 'minimumRecharge'],
      message: 'minimum is above maximum',
    })
    .parse(value);
