// The tables of billing as kysely types.
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

type Timestamp = ColumnType<Date, Date | string, Date | string>;
type NullableTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
type NullableDay = ColumnType<string | null, string | null | undefined, string | null>;

export type LedgerAccountKind = 'user_cash' | 'clearing' | 'suspense' | 'revenue' | 'write_off';
export type LedgerSource = 'recharge' | 'usage';
export type LedgerKind = 'credit' | 'credit_suspense' | 'charge' | 'charge_expired' | 'charge_late';
export type OrderStatus = 'created' | 'paying' | 'paid' | 'closed';
export type Payment = { kind: 'qr_code'; codeUrl: string } | { kind: 'redirect'; url: string };
export type HoldState = 'held' | 'settled' | 'released' | 'expired';

export interface BillingSchema extends KitSchema {
  ledger_account: { id: GeneratedAlways<bigint>; kind: LedgerAccountKind; owner: string };
  ledger_transaction: {
    id: GeneratedAlways<bigint>;
    source_type: LedgerSource;
    source_id: string;
    kind: LedgerKind;
    created_at: Timestamp;
  };
  ledger_entry: { transaction_id: bigint; ledger_account_id: bigint; currency: string; amount: bigint };
  balance: {
    account_id: string;
    ledger_account_id: bigint;
    currency: string;
    available: Generated<bigint>;
    held: Generated<bigint>;
    erased_on: NullableDay;
    retained_until: NullableDay;
  };
  price: {
    model: string;
    version: number;
    prompt_per_million: bigint;
    cached_per_million: bigint;
    completion_per_million: bigint;
    currency: string;
    rounding: 'half_even';
    effective_from: Timestamp;
  };
  recharge_order: {
    id: string;
    account_id: string;
    request_key: string;
    channel: string;
    channel_order_no: string;
    amount: bigint;
    currency: string;
    status: OrderStatus;
    payment: ColumnType<Payment | null, string | null | undefined, string | null>;
    channel_payment_id: ColumnType<string | null, string | null | undefined, string | null>;
    booked_to: ColumnType<
      'user_cash' | 'suspense' | null,
      'user_cash' | 'suspense' | null | undefined,
      'user_cash' | 'suspense'
    >;
    created_at: Timestamp;
    expires_at: Timestamp;
    paid_at: NullableTimestamp;
    closed_at: NullableTimestamp;
    queries: Generated<number>;
    next_query_at: NullableTimestamp;
  };
  channel_event: {
    channel: string;
    event_id: string;
    kind: string;
    order_no: string | null;
    outcome: 'credited' | 'suspense' | 'repeated' | 'noted' | 'refused';
    reason: string | null;
    body: Buffer;
    keep_body_until: NullableTimestamp;
    times: Generated<number>;
    received_at: Timestamp;
    last_received_at: Timestamp;
  };
  verified_account: { account_id: string; kind: 'personal' | 'enterprise'; verified_at: Timestamp };
  hold: {
    request_id: string;
    account_id: string;
    key_id: string;
    model: string;
    price_version: number;
    prompt_tokens_bound: number;
    first_window: number;
    last_window: number;
    amount: bigint;
    state: HoldState;
    reported_prompt_tokens: number | null;
    reported_cached_tokens: number | null;
    reported_completion_tokens: number | null;
    settled_prompt_tokens: number | null;
    settled_cached_tokens: number | null;
    settled_completion_tokens: number | null;
    charged: bigint | null;
    written_off: bigint | null;
    arrears: bigint | null;
    outcome: 'completed' | 'interrupted' | null;
    created_at: Timestamp;
    deadline: Timestamp;
    closed_at: NullableTimestamp;
  };
  charge: {
    request_id: string;
    account_id: string;
    key_id: string;
    model: string;
    prompt_tokens: number;
    cached_tokens: number;
    completion_tokens: number;
    amount: bigint;
    currency: string;
    price_version: number;
    outcome: 'completed' | 'interrupted' | 'expired';
    settled_at: Timestamp;
  };
}
