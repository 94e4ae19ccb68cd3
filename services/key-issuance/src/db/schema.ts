// Tables of key-issuance, as kysely types.
import type { keyAuditAction, keyChangeReason } from '@meridian/contracts/key-issuance.ts';
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import type { Generated } from 'kysely';
import type { z } from 'zod';

export type ChangeReason = z.infer<typeof keyChangeReason>;

export type Schema = KitSchema & {
  api_key: {
    key_id: string;
    /** null once the account is erased: what is left can only tell that the key is dead. */
    account_id: string | null;
    name: string | null;
    project: string | null;
    /** Head of the newest secret. */
    display: string | null;
    product: 'payg' | 'plan';
    kind: 'standard' | 'temporary';
    models: string[] | null;
    endpoints: string[] | null;
    networks: string[] | null;
    requests_per_minute: number | null;
    tokens_per_minute: bigint | null;
    tokens_per_day: bigint | null;
    created_at: Date;
    expires_at: Date | null;
    rotated_at: Date | null;
    /** When the last of the secrets from before a rotation ends. */
    previous_end_at: Date | null;
    last_used_at: Date | null;
    revoked_at: Date | null;
    erased_at: Date | null;
  };
  api_key_secret: {
    digest: Buffer;
    key_id: string;
    pepper_version: number;
    created_at: Date;
    ends_at: Date | null;
    revoked_at: Date | null;
  };
  account_gate: {
    account_id: string;
    cancelled_at: Date | null;
    exhausted_at: Date | null;
    plan_until: Date | null;
  };
  account_protection: {
    protection_id: string;
    account_id: string;
    case_id: string;
    until: Date;
    lifted_at: Date | null;
  };
  account_freeze: { freeze_id: string; account_id: string; lifted_at: Date | null };
  rate_window: {
    subject: string;
    minute: bigint;
    requests: bigint;
    tokens: bigint;
    day: bigint;
    day_tokens: bigint;
  };
  usage_report: { request_id: string; reported_at: Date };
  key_change_head: { single: boolean; position: bigint };
  key_change: {
    position: bigint;
    account_id: string;
    key_id: string | null;
    reason: ChangeReason;
    changed_at: Date;
  };
  key_audit: {
    id: Generated<bigint>;
    at: Date;
    account_id: string;
    key_id: string | null;
    actor: 'owner' | 'identity' | 'moderation' | 'billing' | 'leak_report';
    action: z.infer<typeof keyAuditAction>;
  };
};
