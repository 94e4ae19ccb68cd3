// The port to a payment channel: what billing needs of WeChat Pay, Waffo and whoever comes next.
import type { IncomingHttpHeaders } from 'node:http';
import type { Payment } from '../db/schema.ts';

export type ChannelOrder = {
  /** Our number of the order at the channel: at most 32 of [0-9A-Z]. The same number never makes two orders there. */
  readonly orderNo: string;
  /** Nano-units. */
  readonly amount: bigint;
  readonly currency: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Opaque id of the payer for the channel's risk checks. */
  readonly payerId: string;
  /** The payer's verified address, for channels with `needsEmail`. */
  readonly payerEmail: string | undefined;
};

/** A payment as the channel states it, the merchant already compared; the order, amount and currency are compared by us. */
export type Paid = {
  readonly orderNo: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly channelPaymentId: string;
};

/** `unknown`: no proven answer; it may have happened. Ask again, with the same number. */
type Unknown = { readonly kind: 'unknown'; readonly reason: string };

export type Created = { readonly kind: 'payable'; readonly payment: Payment } | { readonly kind: 'finished' } | Unknown;
/**
 * `open`: not paid yet, or not known there yet. `refunded`: paid, and some or all of it given back at the channel, past us.
 * `wrong_merchant`: the order that has our number there is another merchant's.
 */
export type Queried =
  | { readonly kind: 'paid'; readonly paid: Paid; readonly refunded: boolean }
  | { readonly kind: 'wrong_merchant' }
  | { readonly kind: 'open' }
  | { readonly kind: 'closed' }
  | Unknown;
/** `paid`: it cannot be closed, query it. */
export type Closed = { readonly kind: 'closed' } | { readonly kind: 'paid' } | Unknown;

export type Notification = {
  /** The same for every repetition of the same message. */
  readonly eventId: string;
  /** What the message says, in the channel's words, for the record. */
  readonly kind: string;
  /** The order it is about, whatever it says: what is erased with the account. undefined: it names none. */
  readonly orderNo: string | undefined;
  /** undefined: a message that changes nothing here, e.g. "in progress". */
  readonly paid: Paid | undefined;
  /** The message claims a payment and does not prove whose: the channel is asked at once. */
  readonly ask?: boolean;
};

export type ChannelReply = {
  readonly status: 200 | 204;
  readonly body: string;
  readonly headers: Record<string, string>;
};

export interface Channel {
  readonly needsEmail: boolean;
  create(order: ChannelOrder): Promise<Created>;
  query(orderNo: string): Promise<Queried>;
  close(order: Pick<ChannelOrder, 'orderNo' | 'createdAt'>): Promise<Closed>;
  /** Verifies the raw bytes before it reads them. Throws NotificationRefused. */
  parseNotification(headers: IncomingHttpHeaders, rawBody: Buffer): Notification;
  /** What the channel takes for "received, do not repeat". */
  acknowledge(): ChannelReply;
}

/** Codes: `bad_signature`, `unknown_key`, `stale`, `unreadable`, `wrong_merchant`. */
export class NotificationRefused extends Error {
  override name = 'NotificationRefused';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
