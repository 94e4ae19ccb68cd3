// The tables of moderation as kysely types; the promises themselves are in the migrations.
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import type { ColumnType, GeneratedAlways } from 'kysely';
import type { CaseState } from '../cases/case.ts';
import type { Boundary } from '../matching/matcher.ts';
import type { Mode, Policy, Severity } from '../rules/rule.ts';

type Timestamp = ColumnType<Date, Date | string, Date | string>;

type OwnSchema = {
  rule: {
    id: string;
    version: number;
    pattern: string;
    category: string;
    severity: Severity;
    weight: number;
    mode: Mode;
    boundary: Boundary;
    created_at: Timestamp;
  };
  rule_set: { version: GeneratedAlways<number>; policy: ColumnType<Policy, string, string>; activated_at: Timestamp };
  rule_set_member: { set_version: number; rule_id: string; rule_version: number };
  /** Row lock: scores, protections and decisions of one account happen one after the other. */
  moderated_account: { account_id: string };
  /** When a fingerprint last counted for an account. */
  counted_fingerprint: { account_id: string; fingerprint: string; counted_at: Timestamp };
  strike: {
    id: GeneratedAlways<bigint>;
    account_id: string;
    request_id: string;
    fingerprint: string;
    rule_id: string;
    rule_version: number;
    weight: number;
    /** Counts towards a protection: a live rule without an override at the time, not reversed since. */
    counts: boolean;
    counted_at: Timestamp;
    /** The case that this strike is evidence of; it counts for no other. */
    case_id: string | null;
  };
  rule_override: { account_id: string; rule_id: string; rule_version: number; case_id: string; expires_at: Timestamp };
  moderation_case: {
    id: string;
    account_id: string;
    state: CaseState;
    category: string;
    opened_at: Timestamp;
    due_at: Timestamp;
    closed_at: Timestamp | null;
    appeal_open: boolean;
    /** 0: appealed, 1: not yet decided, 2: the rest. */
    urgency: GeneratedAlways<number>;
    key_wrapped: Buffer | null;
    key_version: number | null;
  };
  case_rule: { case_id: string; rule_id: string; rule_version: number };
  protection: {
    id: string;
    account_id: string;
    case_id: string;
    from_at: Timestamp;
    until_at: Timestamp;
    lifted_at: Timestamp | null;
    lift_reason: 'overturned' | 'expired' | 'erased' | null;
  };
  case_reading: { id: GeneratedAlways<bigint>; at: Date; staff_id: string; case_ids: string[] };
  appeal: {
    id: string;
    case_id: string;
    status: 'open' | 'upheld' | 'overturned';
    text_sealed: Buffer;
    submitted_at: Timestamp;
    due_at: Timestamp;
    decided_at: Timestamp | null;
  };
  decision: {
    id: string;
    case_id: string;
    appeal_id: string | null;
    staff_id: string;
    decision: 'uphold' | 'overturn';
    reason_sealed: Buffer;
    decided_at: Timestamp;
  };
};

export type Schema = KitSchema & OwnSchema;
