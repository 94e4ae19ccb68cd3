// Tables of key-issuance, as kysely types.
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import type { Generated } from 'kysely';

export type ChangeReason = 'revoked' | 'cancelled' | 'protected' | 'exhausted';

export type Schema = KitSchema & {
  api_key: {
    key_id: string;
    /** null once the account is erased: what is left can only tell that the key is dead. */
    account_id: string | null;
    name: string | null;
    display: string | null;
    product: 'payg' | 'plan';
    digest: Buffer;
    pepper_version: number;
    created_at: Date;
    last_used_at: Date | null;
    revoked_at: Date | null;
    erased_at: Date | null;
  };
  account_gate: { account_id: string; cancelled_at: Date | null; exhausted_at: Date | null };
  account_protection: {
    protection_id: string;
    account_id: string;
    case_id: string;
    until: Date;
    lifted_at: Date | null;
  };
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
    actor: 'owner' | 'identity' | 'moderation' | 'billing';
    action: 'create' | 'revoke' | 'cancel' | 'protect' | 'lift' | 'exhaust' | 'restore';
  };
};
