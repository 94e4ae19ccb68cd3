// The long poll of gateways.
import { unavailable } from '@meridian/contracts/common.ts';
import { listKeyChanges } from '@meridian/contracts/key-issuance.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Logger } from '@meridian/kit/telemetry/log.ts';
import type { Schema } from '../db/schema.ts';
import type { ChangeWatch } from './change-watch.ts';
import { changesAfter, headPosition } from './key-change.store.ts';

const maxChanges = 1_000;

type Deps = { readonly db: Database<Schema>; readonly watch: ChangeWatch; readonly log: Logger };

const read = async (deps: Deps, after: bigint | undefined, waitMs: number) => {
  const { db, watch } = deps;
  if (after === undefined) return { position: await headPosition(db.read), changes: [] };
  const position = await watch.differs(after, waitMs);
  // Lower than what the caller saw: the database was restored. The caller goes on from where the table really is.
  if (position <= after) return { position, changes: [] };
  const changes = await changesAfter(db.read, after, maxChanges);
  return { position: changes.at(-1)?.position ?? position, changes };
};

export const changeRoutes = (server: HttpServer, deps: Deps): void => {
  route(server, listKeyChanges, async ({ query }) => {
    const after = query.after === undefined ? undefined : BigInt(query.after);
    const { position, changes } = await read(deps, after, query.wait * 1_000).catch((err: unknown) => {
      deps.log.error({ err }, 'key changes could not be read');
      return fail(unavailable, { detail: 'Key changes cannot be read at the moment; ask again', retryAfter: 1 });
    });
    return {
      status: 200,
      body: {
        position: position.toString(),
        changes: changes.map((c) => ({
          position: c.position.toString(),
          accountId: c.account_id,
          keyId: c.key_id,
          reason: c.reason,
        })),
      },
    };
  });
};
