// The tables of recoveries as kysely types.
import type { ProofKind } from '@meridian/contracts/identity-recovery.ts';
import type { Generated } from 'kysely';
import type { RealNameVerdict, TicketState } from './ticket.ts';

export type RecoveryTable = {
  id: string;
  /** Null: nobody has the address that was named. The row only pretends. */
  account_id: string | null;
  /** Of the address that was named; null where staff started it. */
  identifier_hash: string | null;
  token_hash: string;
  started_by: 'owner' | 'staff';
  proofs: Generated<ProofKind[]>;
  /** Contacts whose codes were right. */
  contact_ids: Generated<string[]>;
  tries: Generated<number>;
  created_at: Date;
  expires_at: Date;
  ended_at: Date | null;
  ended_as: 'completed' | 'stopped' | null;
};

export type RecoveryTicketTable = {
  id: string;
  account_id: string | null;
  token_hash: string;
  /** Of the code in the notice that stops it; null until its owner was told, and where there is none. */
  stop_hash: Generated<string | null>;
  /** Blind index of the address that is to be proven. */
  contact_hash: string;
  contact_kind: 'phone' | 'email';
  sealed_contact: Buffer | null;
  sealed_message: Buffer | null;
  real_name: RealNameVerdict;
  needs_approval: boolean;
  /** Of whoever opened it, for the owner's security log. */
  network: string;
  /** When a provider took the notice with the code that stops it. */
  heard_at: Generated<Date | null>;
  state: Generated<TicketState>;
  created_at: Date;
  cooling_until: Date;
  expires_at: Date;
  ended_at: Date | null;
};
