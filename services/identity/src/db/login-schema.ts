// The tables of linked logins as kysely types.
import type { FederatedLogin } from '@meridian/regions/profile.ts';
import type { Generated } from 'kysely';
import type { LoginPurpose, PendingStage } from '../logins/login-flow.ts';

export type LoginSchema = {
  linked_login: {
    id: string;
    account_id: string;
    provider: FederatedLogin;
    linked_at: Date;
    last_used_at: Date;
    sealed_name: Buffer | null;
    sealed_revocation: Buffer | null;
    /** The provider ended it, and it is the only way into the account. */
    ends_at: Date | null;
  };
  linked_login_id: {
    provider: FederatedLogin;
    app: string;
    kind: string;
    subject_hash: string;
    login_id: string;
  };
  login_flow: {
    state_hash: string;
    browser_hash: string;
    provider: FederatedLogin;
    purpose: LoginPurpose;
    return_to: string;
    account_id: string | null;
    session_id: string | null;
    expires_at: Date;
  };
  pending_login: {
    id: string;
    token_hash: string;
    stage: PendingStage;
    browser_hash: string;
    provider: FederatedLogin;
    purpose: LoginPurpose;
    account_id: string | null;
    session_id: string | null;
    sealed: Buffer;
    created_at: Date;
    expires_at: Date;
  };
  offered_email: { account_id: string; login_id: string; sealed: Buffer; proven: boolean; expires_at: Date };
  login_push: { push_hash: string; received_at: Date };
  login_revocation: {
    id: string;
    provider: FederatedLogin;
    sealed: Buffer;
    attempts: Generated<number>;
    next_attempt_at: Date;
  };
  login_deletion: {
    confirmation_hash: string;
    provider: FederatedLogin;
    requested_at: Date;
    account_id: string | null;
    ends_at: Date | null;
    saga_id: string | null;
  };
};
