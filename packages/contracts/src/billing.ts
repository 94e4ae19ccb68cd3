// billing: recharge, balance, holds and settlement of usage. Amounts are nano-units of the region's currency, as strings.
import { z } from 'zod';
import {
  accountCancelled,
  accountId,
  currency,
  idOf,
  nanoAmount,
  notFound,
  pageOf,
  pageQuery,
  positiveNanoAmount,
  regionMismatch,
  timestamp,
} from './common.ts';
import { endpoint } from './endpoint.ts';
import { fenceBilling } from './fence.ts';
import { problem } from './problem.ts';

export const realNameRequired = problem(
  'real_name_required',
  403,
  'Real-name verification comes before the first payment',
);
export const channelNotOffered = problem('channel_not_offered', 422, 'This region does not take that payment channel');
export const amountOutOfRange = problem(
  'amount_out_of_range',
  422,
  'The amount is below the minimum, above the maximum or not a whole cent',
);
export const channelUnavailable = problem(
  'channel_unavailable',
  503,
  'The payment channel does not answer; nothing was charged, try again after Retry-After seconds',
);
export const securityEmailRequired = problem(
  'security_email_required',
  422,
  'This payment channel needs a verified e-mail address',
);
export const notificationRefused = problem(
  'notification_refused',
  401,
  'The notification is not signed by the channel, stale, or does not match an order',
);
export const insufficientBalance = problem('insufficient_balance', 402, 'The balance does not cover the call');
export const modelUnknown = problem('model_unknown', 404, 'There is no such model here');
export const holdNotOpen = problem('hold_not_open', 409, 'The hold is settled or expired');
export const requestMismatch = problem('request_mismatch', 409, 'This request id was used with other figures');

export const paymentOrder = z.strictObject({
  orderId: idOf('ord'),
  channel: z.string(),
  amount: positiveNanoAmount,
  currency,
  status: z.enum(['created', 'paying', 'paid', 'closed']),
  payment: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('qr_code'),
        codeUrl: z.string().describe("Show as a QR code to be scanned by the channel's app"),
      }),
      z.strictObject({ kind: z.literal('redirect'), url: z.url() }),
    ])
    .nullable(),
  createdAt: timestamp,
  expiresAt: timestamp.describe('The order closes by itself then; make a new one'),
  paidAt: timestamp.nullable(),
});

export const createRecharge = endpoint({
  id: 'createRecharge',
  service: 'billing',
  method: 'POST',
  path: '/v1/billing/recharges',
  summary: 'Recharge the balance through a payment channel',
  auth: { kind: 'user', introspect: true },
  idempotent: true,
  body: z.strictObject({ channel: z.string().min(1).max(40), amount: positiveNanoAmount, currency }),
  answers: { 201: paymentOrder },
  problems: [realNameRequired, channelNotOffered, amountOutOfRange, channelUnavailable, securityEmailRequired],
  limit: { max: 30, windowSeconds: 60 },
});

export const getRecharge = endpoint({
  id: 'getRecharge',
  service: 'billing',
  method: 'GET',
  path: '/v1/billing/recharges/{orderId}',
  summary: 'One recharge order',
  auth: { kind: 'user' },
  params: z.strictObject({ orderId: idOf('ord') }),
  answers: { 200: paymentOrder },
  problems: [notFound],
});

export const listRecharges = endpoint({
  id: 'listRecharges',
  service: 'billing',
  method: 'GET',
  path: '/v1/billing/recharges',
  summary: 'Recharge orders, newest first',
  auth: { kind: 'user' },
  query: pageQuery,
  answers: { 200: pageOf(paymentOrder) },
  problems: [],
});

export const balance = z.strictObject({
  currency,
  available: nanoAmount.describe('What may be spent now; below zero are arrears, covered first by the next recharge'),
  held: nanoAmount.describe('Reserved for calls that are running'),
});

export const getBalance = endpoint({
  id: 'getBalance',
  service: 'billing',
  method: 'GET',
  path: '/v1/billing/balance',
  summary: 'The balance',
  auth: { kind: 'user' },
  answers: { 200: balance },
  problems: [],
});

export const usageFigures = z.strictObject({
  promptTokens: z.number().int().min(0).max(100_000_000),
  cachedTokens: z
    .number()
    .int()
    .min(0)
    .max(100_000_000)
    .describe('Part of promptTokens that the upstream served from its cache'),
  completionTokens: z.number().int().min(0).max(100_000_000),
});
export type UsageFigures = z.infer<typeof usageFigures>;

/** Sums of many calls: not bounded like one call. */
const usageTotals = z.strictObject({
  promptTokens: z.number().int().min(0),
  cachedTokens: z.number().int().min(0),
  completionTokens: z.number().int().min(0),
});

export const charge = z.strictObject({
  requestId: idOf('req'),
  keyId: idOf('key'),
  model: z.string(),
  usage: usageFigures,
  amount: nanoAmount,
  currency,
  priceVersion: z.number().int(),
  outcome: z
    .enum(['completed', 'interrupted', 'expired'])
    .describe('interrupted: the stream broke, what was delivered is charged; expired: the last report is charged'),
  settledAt: timestamp,
});

export const listCharges = endpoint({
  id: 'listCharges',
  service: 'billing',
  method: 'GET',
  path: '/v1/billing/charges',
  summary: 'Charges of single calls, newest first',
  auth: { kind: 'user' },
  query: pageQuery,
  answers: { 200: pageOf(charge) },
  problems: [],
});

export const getUsage = endpoint({
  id: 'getUsage',
  service: 'billing',
  method: 'GET',
  path: '/v1/billing/usage',
  summary: 'Usage per day and model (UTC days), newest first',
  auth: { kind: 'user' },
  query: z.strictObject({ from: z.iso.date().optional(), to: z.iso.date().optional() }),
  answers: {
    200: z.strictObject({
      items: z.array(
        z.strictObject({
          day: z.iso.date(),
          model: z.string(),
          calls: z.number().int(),
          usage: usageTotals,
          amount: nanoAmount,
          currency,
        }),
      ),
    }),
  },
  problems: [],
});

export const listPrices = endpoint({
  id: 'listPrices',
  service: 'billing',
  method: 'GET',
  path: '/v1/billing/prices',
  summary: 'The price book in force',
  auth: { kind: 'none' },
  answers: {
    200: z.strictObject({
      currency,
      items: z.array(
        z.strictObject({
          model: z.string(),
          version: z.number().int(),
          promptPerMillion: nanoAmount,
          cachedPerMillion: nanoAmount,
          completionPerMillion: nanoAmount,
          effectiveFrom: timestamp,
        }),
      ),
    }),
  },
  problems: [],
});

export const notifyPayment = endpoint({
  id: 'notifyPayment',
  service: 'billing',
  method: 'POST',
  path: '/v1/payments/notifications/{channel}',
  summary: 'Where payment channels report, signed by the channel',
  description:
    'The raw bytes are verified before anything is read. Repeats, late and reordered messages credit once or not at all.',
  auth: { kind: 'signature', scheme: "the channel's own" },
  params: z.strictObject({
    channel: z
      .string()
      .min(1)
      .max(40)
      .regex(/^[a-z_]+$/),
  }),
  body: 'raw',
  answers: { 200: 'stream', 204: null },
  problems: [notificationRefused, notFound],
  // A channel reports from few addresses, and repeats what was refused.
  limit: { max: 3_000, windowSeconds: 10 },
});

export const createHold = endpoint({
  id: 'createHold',
  service: 'billing',
  method: 'POST',
  path: '/internal/v1/holds',
  summary: 'Reserve money for one model call',
  description:
    'Reserves the prompt bound and the first output window at the price in force. Idempotent by request id. Refuses, never overdraws.',
  auth: { kind: 'service', callers: ['gateway'] },
  body: z.strictObject({
    requestId: idOf('req'),
    accountId,
    keyId: idOf('key'),
    model: z.string().min(1).max(100),
    promptTokensBound: z.number().int().min(0).max(100_000_000),
    completionWindow: z.number().int().min(1).max(1_000_000),
  }),
  answers: { 201: z.strictObject({ requestId: idOf('req'), held: nanoAmount, currency, deadline: timestamp }) },
  problems: [insufficientBalance, modelUnknown, requestMismatch, regionMismatch, accountCancelled],
});

export const extendHold = endpoint({
  id: 'extendHold',
  service: 'billing',
  method: 'POST',
  path: '/internal/v1/holds/{requestId}/extend',
  summary: 'Reserve the next output window of a running call',
  description:
    'Carries the tokens so far; should the call never be settled, this last report is charged when the hold expires.',
  auth: { kind: 'service', callers: ['gateway'] },
  params: z.strictObject({ requestId: idOf('req') }),
  body: z.strictObject({ soFar: usageFigures, completionWindow: z.number().int().min(1).max(1_000_000) }),
  answers: { 200: z.strictObject({ requestId: idOf('req'), held: nanoAmount, currency, deadline: timestamp }) },
  problems: [insufficientBalance, holdNotOpen, notFound, accountCancelled],
});

export const settleHold = endpoint({
  id: 'settleHold',
  service: 'billing',
  method: 'POST',
  path: '/internal/v1/holds/{requestId}/settle',
  summary: 'Charge what a call used and release the rest',
  description:
    'Idempotent by request id: a repeat returns the first result. After the hold expired the difference is booked as an entry of its own. Never refused for want of money: an overrun becomes arrears.',
  auth: { kind: 'service', callers: ['gateway'] },
  params: z.strictObject({ requestId: idOf('req') }),
  body: z.strictObject({ usage: usageFigures, outcome: z.enum(['completed', 'interrupted']) }),
  answers: { 200: z.strictObject({ requestId: idOf('req'), amount: nanoAmount, currency, available: nanoAmount }) },
  problems: [notFound, requestMismatch],
});

export const releaseHold = endpoint({
  id: 'releaseHold',
  service: 'billing',
  method: 'POST',
  path: '/internal/v1/holds/{requestId}/release',
  summary: 'Give back a hold whose call delivered nothing',
  description:
    'A repeat changes nothing. After a request for the hold that was not answered, `not_found` is no proof that none will be made: repeat the release for two minutes.',
  auth: { kind: 'service', callers: ['gateway'] },
  params: z.strictObject({ requestId: idOf('req') }),
  body: z.strictObject({}),
  answers: { 204: null },
  problems: [notFound, holdNotOpen],
});

export const getBillingStanding = endpoint({
  id: 'getBillingStanding',
  service: 'billing',
  method: 'GET',
  path: '/internal/v1/accounts/{accountId}/standing',
  summary: 'Balance of an account, for the preview of its cancellation',
  auth: { kind: 'service', callers: ['identity'] },
  params: z.strictObject({ accountId }),
  answers: { 200: balance },
  problems: [regionMismatch],
});

export const endpoints = [
  createRecharge,
  getRecharge,
  listRecharges,
  getBalance,
  listCharges,
  getUsage,
  listPrices,
  notifyPayment,
  createHold,
  extendHold,
  settleHold,
  releaseHold,
  getBillingStanding,
  fenceBilling,
] as const;
