// What an owner may create: keys until revoked or expired, and temporary ones.
import type {
  createKey as createKeyEndpoint,
  createTemporaryKey as createTemporaryKeyEndpoint,
} from '@meridian/contracts/key-issuance.ts';
import type { Tx } from '@meridian/kit/db/database.ts';
import type { Answer } from '@meridian/kit/http/route.ts';
import type { z } from 'zod';
import type { Schema } from '../db/schema.ts';
import { type IssueDeps, issueKey } from './issue-key.ts';
import { canonicalNetworks, expiryAhead, uniqueOrNull } from './key-scope.ts';
import { viewOf } from './key-view.ts';

export type CreateKeyDeps = IssueDeps & {
  /** Base URLs that keys of each product work at; null: the region has no door for it. */
  readonly baseUrls: { readonly payg: string; readonly plan: string | null };
};

type Command = z.output<(typeof createKeyEndpoint)['body']> & { accountId: string };
type TemporaryCommand = z.output<(typeof createTemporaryKeyEndpoint)['body']> & { accountId: string };

/** Answers the secret, the only time it is ever seen. Refuses with `too_many_keys` and, once fenced, `account_cancelled`. */
export const createKey = (
  tx: Tx<Schema>,
  deps: CreateKeyDeps,
  command: Command,
): Promise<Answer<typeof createKeyEndpoint>> => {
  const now = deps.now();
  return create(tx, deps, { ...command, kind: 'standard', expiresAt: expiryAhead(command.expiresAt, now) }, now);
};

/** The same, for a bounded time and named models. */
export const createTemporaryKey = (
  tx: Tx<Schema>,
  deps: CreateKeyDeps,
  { lifeSeconds, ...command }: TemporaryCommand,
): Promise<Answer<typeof createTemporaryKeyEndpoint>> => {
  const now = deps.now();
  const expiresAt = new Date(now.getTime() + lifeSeconds * 1_000);
  return create(tx, deps, { ...command, kind: 'temporary', expiresAt }, now);
};

const create = async (
  tx: Tx<Schema>,
  deps: CreateKeyDeps,
  command: Omit<Command, 'expiresAt'> & { kind: 'standard' | 'temporary'; expiresAt: Date | null },
  now: Date,
): Promise<Answer<typeof createKeyEndpoint>> => {
  const spec = {
    ...command,
    models: uniqueOrNull(command.models),
    endpoints: uniqueOrNull(command.endpoints),
    networks: canonicalNetworks(command.networks),
    actor: 'owner' as const,
  };
  const { row, secret } = await issueKey(tx, deps, spec, now);
  return { status: 201, body: { key: viewOf(row, now), secret, baseUrl: deps.baseUrls[command.product] } };
};
