// Keys over HTTP: their owner creates, lists and revokes them; gateways verify them.
import {
  createKey as createKeyEndpoint,
  listKeys as listKeysEndpoint,
  revokeKey as revokeKeyEndpoint,
  verifyKey as verifyKeyEndpoint,
} from '@meridian/contracts/key-issuance.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { pageFrom, readCursor, timePlace } from '@meridian/kit/http/page.ts';
import type { RegionWall } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Schema } from '../db/schema.ts';
import { type CreateKeyDeps, createKey } from './create-key.ts';
import { listKeys } from './key.store.ts';
import { viewOf } from './key-view.ts';
import { revokeKey } from './revoke-key.ts';
import { type VerifyDeps, verifyKey } from './verify-key.ts';

const place = timePlace('key');

type OwnerDeps = CreateKeyDeps & { readonly db: Database<Schema>; readonly wall: RegionWall };

export const keyRoutes = (server: HttpServer, deps: OwnerDeps): void => {
  const { db, wall } = deps;
  route(server, createKeyEndpoint, ({ auth, body, idempotency }) =>
    idempotency.commit(db, (tx: Parameters<typeof createKey>[0]) =>
      createKey(tx, deps, { accountId: auth.accountId, ...body }),
    ),
  );
  route(server, listKeysEndpoint, async ({ auth, query }) => {
    const after = readCursor(place, query.cursor);
    const found = await listKeys(db.read, auth.accountId, after, query.limit + 1);
    const { rows, next } = pageFrom(found, query.limit, place, (row) => ({ at: row.created_at, id: row.key_id }));
    return { status: 200, body: { items: rows.map(viewOf), next } };
  });
  route(server, revokeKeyEndpoint, async ({ auth, params }) => {
    wall(params.keyId);
    const row = await db.transaction((tx) => revokeKey(tx, deps, { accountId: auth.accountId, keyId: params.keyId }));
    return { status: 200, body: viewOf(row) };
  });
};

export const verifyRoutes = (server: HttpServer, deps: VerifyDeps): void => {
  route(server, verifyKeyEndpoint, async ({ body }) => ({ status: 200, body: await verifyKey(deps, body) }));
};
