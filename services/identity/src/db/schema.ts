// The tables of identity as kysely types.
import type { RetainedClass } from '@meridian/contracts/events/lifecycle.ts';
import type { KitSchema } from '@meridian/kit/db/schema.ts';
import type { JWK } from 'jose';
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';
import type { CodePurpose } from '../codes/code.ts';
import type { KeyState } from '../keys/signing-key.ts';
import type { RecoveryTable, RecoveryTicketTable } from '../recovery/recovery.schema.ts';
import type { LoginSchema } from './login-schema.ts';

type Json<T> = ColumnType<T, string, string>;

export type AccountStatus = 'active' | 'closing' | 'cancelled';
/** Why a session ended without its account; told to every service. */
export type RevokedReason = 'signed_out' | 'reuse' | 'credentials_changed' | 'recovered' | 'staff' | 'too_many';
export type EndReason = RevokedReason | 'cancelled';
export type SessionDelivery = 'body' | 'cookie';
export type CancellationState = 'cancelling' | 'cancelled' | 'erased';
export type Participant = 'identity' | 'verification' | 'billing' | 'key-issuance' | 'moderation';

export type IdentitySchema = KitSchema &
  LoginSchema & {
    account: {
      id: string;
      status: AccountStatus;
      created_at: Date;
      /** After a recovery: neither recharge nor new keys before. */
      restricted_until: Date | null;
      language: 'zh-CN' | 'en' | null;
      display_name: Buffer | null;
      /** Of sessions deleted since; see last-seen.ts. */
      last_seen_at: Date | null;
      /** Its number has a new holder, and it got no other address since. */
      phone_detached_at: Date | null;
    };
    consent: { account_id: string; terms_version: string; accepted_at: Date };
    account_key: { account_id: string; wrapped: Buffer };
    contact: {
      id: string;
      account_id: string;
      kind: 'phone' | 'email';
      sealed: Buffer;
      /** HMAC of the normalised identifier. Unique: one live account per identifier. */
      blind_index: string;
      verified_at: Date;
    };
    code: {
      id: string;
      purpose: CodePurpose;
      identifier_hash: string;
      code_hash: string;
      created_at: Date;
      expires_at: Date;
      attempts: Generated<number>;
      consumed_at: Date | null;
      /** Replaced by a newer code of the same identifier and purpose. */
      killed_at: Date | null;
      /** Of a code that one account asked for: it works for that account only. */
      account_id: string | null;
    };
    password: { account_id: string; hash: string; set_at: Date };
    totp: {
      account_id: string;
      sealed: Buffer | null;
      /** Drawn and not yet confirmed. */
      pending_sealed: Buffer | null;
      confirmed_at: Date | null;
      /** Time step of the last code that was used: none works twice. */
      last_step: Generated<bigint>;
    };
    recovery_code: { account_id: string; code_hash: string; drawn_at: Date; used_at: Date | null };
    pending_sign_in: {
      challenge_hash: string;
      account_id: string;
      method: string;
      attempts: Generated<number>;
      expires_at: Date;
      /** The terms' version accepted with the first factor: a consent only once the second is shown. */
      accepted_terms: string | null;
      needs: Generated<'second_factor' | 'second_proof'>;
      /** The contact whose code began it. */
      contact_id: string | null;
    };
    recovery: RecoveryTable;
    recovery_ticket: RecoveryTicketTable;
    passkey: {
      id: string;
      account_id: string;
      credential_id: string;
      public_key: Buffer;
      counter: bigint;
      name: string;
      created_at: Date;
      last_used_at: Date | null;
    };
    passkey_challenge: { id: string; account_id: string | null; challenge: string; expires_at: Date };
    known_device: { account_id: string; device_hash: string; last_seen_at: Date };
    notice: {
      id: string;
      account_id: string;
      kind: string;
      channel: 'phone' | 'email';
      sealed_to: Buffer;
      sealed_extra: Buffer | null;
      language: 'zh-CN' | 'en';
      happened_at: Date;
      attempts: Generated<number>;
      unanswered: Generated<number>;
      next_attempt_at: Date;
    };
    limit_count: { scope: string; slot: Date; count: number };
    session: {
      id: string;
      account_id: string;
      method: string;
      created_at: Date;
      token_hash: string;
      parent_hash: string | null;
      rotated_at: Date | null;
      idle_until: Date;
      expires_at: Date;
      ended_at: Date | null;
      ended_reason: EndReason | null;
      delivery: Generated<SessionDelivery>;
      device: Generated<string>;
      /** Last proof of the person within the session: a code, later also other factors. */
      proven_at: Date | null;
      place: string | null;
      last_seen_at: Date | null;
    };
    signing_key: {
      kid: string;
      state: KeyState;
      public_jwk: Json<JWK>;
      sealed: Buffer;
      created_at: Date;
      activated_at: Date | null;
      retired_at: Date | null;
    };
    security_log: {
      id: GeneratedAlways<bigint>;
      at: Date;
      kind: string;
      account_id: string | null;
      session_id: string | null;
      network: string | null;
      method: string | null;
      device: string | null;
      place: string | null;
    };
    staff: { id: string; issuer: string; subject: string; created_at: Date; not_before: Date | null };
    staff_sign_in: { state_hash: string; browser_hash: string; expires_at: Date; code_challenge: string | null };
    staff_completion: {
      code_hash: string;
      code_challenge: string;
      staff_id: string;
      roles: string[];
      expires_at: Date;
    };
    staff_audit: {
      id: GeneratedAlways<bigint>;
      at: Date;
      staff_id: string;
      roles: Generated<string[]>;
      network: string | null;
      action: string | null;
      subject: string | null;
      reason: string | null;
    };
    cancellation: {
      saga_id: string;
      /** Null once erased: the receipt then stands under `subject`, a random pseudonym. */
      account_id: string | null;
      subject: string | null;
      status: CancellationState;
      receipt_hash: string;
      /** The account id, sealed with a key derived from the receipt token: only its holder can read it. */
      sealed_account: Buffer;
      sealed_reason: Buffer | null;
      requested_at: Date;
      cancelled_at: Date | null;
      erased_at: Date | null;
    };
    cancellation_step: {
      saga_id: string;
      service: Participant;
      fenced_at: Date | null;
      attempts: Generated<number>;
      next_attempt_at: Date;
      erased_at: Date | null;
      erased: Json<Record<string, number>> | null;
      retained: ColumnType<RetainedClass[], string | undefined, string>;
    };
  };
