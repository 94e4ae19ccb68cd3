// Waffo's answer codes and their HTTP status (README of github.com/waffo-com/waffo-go, "error codes").
// First letter: A merchant, B user, C system, D risk, E unknown (the outcome must be queried).

const codes = {
  A0001: [401, 'Invalid API key'],
  A0002: [401, 'Invalid signature'],
  A0003: [400, 'Parameter validation failed'],
  A0004: [401, 'Insufficient permission'],
  A0007: [400, 'Unsupported transaction currency'],
  A0008: [400, 'Transaction amount exceeds the limit'],
  A0009: [400, 'Order does not exist'],
  A0011: [400, 'Idempotent parameters do not match'],
  A0012: [400, 'Insufficient merchant balance'],
  A0013: [400, 'The order has been paid and cannot be cancelled'],
  A0014: [400, 'Order cannot be refunded due to refund rules'],
  A0019: [400, 'Order cannot be refunded due to a chargeback dispute'],
  A0027: [400, 'The number of refunds has reached its limit'],
  A0034: [400, 'The order expiry time has passed'],
  B0004: [400, 'The user did not pay in time'],
  C0001: [500, 'System error'],
  C0005: [503, 'Rejected by the payment channel'],
  C0006: [503, 'Payment channel error'],
  D0001: [406, 'Rejected by risk control'],
  E0001: [500, 'Unknown status'],
} as const;
export type WaffoCode = keyof typeof codes;
export const waffoCodes = Object.keys(codes) as [WaffoCode, ...WaffoCode[]];

export class WaffoRefusal extends Error {
  readonly code: WaffoCode;
  readonly status: number;
  constructor(code: WaffoCode, detail?: string) {
    const [status, text] = codes[code];
    super(detail ? `${text}: ${detail}` : text);
    this.code = code;
    this.status = status;
  }
}
