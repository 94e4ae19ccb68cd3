// Keys over HTTP: their owner creates, changes, rotates, lists and revokes them.

import { notFound } from '@meridian/contracts/common.ts';
import {
  createKey as createKeyEndpoint,
  createTemporaryKey as createTemporaryKeyEndpoint,
  getKey as getKeyEndpoint,
  listKeyAudit as listKeyAuditEndpoint,
  listKeyProjects as listKeyProjectsEndpoint,
  listKeys as listKeysEndpoint,
  revokeAllKeys as revokeAllKeysEndpoint,
  revokeKey as revokeKeyEndpoint,
  rotateKey as rotateKeyEndpoint,
  updateKey as updateKeyEndpoint,
} from '@meridian/contracts/key-issuance.ts';
import type { Database, Tx } from '@meridian/kit/db/database.ts';
import { pageFrom, readCursor, timePlace } from '@meridian/kit/http/page.ts';
import { fail } from '@meridian/kit/http/problems.ts';
import type { RegionWall } from '@meridian/kit/http/region-wall.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import { z } from 'zod';
import type { Schema } from '../db/schema.ts';
import { type CreateKeyDeps, createKey, createTemporaryKey } from './create-key.ts';
import { findKey, listKeys, listProjects } from './key.store.ts';
import { listAudit } from './key-audit.store.ts';
import { viewOf } from './key-view.ts';
import { revokeAllKeys, revokeKey } from './revoke-key.ts';
import { rotateKey } from './rotate-key.ts';
import { updateKey } from './update-key.ts';

type OwnerDeps = CreateKeyDeps & { readonly db: Database<Schema>; readonly wall: RegionWall };

const maxProjects = 1_000;
const place = timePlace('key');
const auditPlace = z.strictObject({ entry: z.int().min(0) });

export const keyRoutes = (server: HttpServer, deps: OwnerDeps): void => {
  const { db, wall, now } = deps;
  route(server, createKeyEndpoint, ({ auth, body, idempotency }) =>
    idempotency.commit(db, (tx: Tx<Schema>) => createKey(tx, deps, { ...body, accountId: auth.accountId })),
  );
  route(server, createTemporaryKeyEndpoint, ({ auth, body, idempotency }) =>
    idempotency.commit(db, (tx: Tx<Schema>) => createTemporaryKey(tx, deps, { ...body, accountId: auth.accountId })),
  );
  route(server, rotateKeyEndpoint, ({ auth, params, body, idempotency }) => {
    wall(params.keyId);
    return idempotency.commit(db, (tx: Tx<Schema>) =>
      rotateKey(tx, deps, { ...body, ...params, accountId: auth.accountId }),
    );
  });
  route(server, updateKeyEndpoint, async ({ auth, params, body }) => {
    wall(params.keyId);
    const row = await db.transaction((tx) => updateKey(tx, deps, { ...params, accountId: auth.accountId, body }));
    return { status: 200, body: viewOf(row, now()) };
  });
  route(server, revokeKeyEndpoint, async ({ auth, params }) => {
    wall(params.keyId);
    const row = await db.transaction((tx) => revokeKey(tx, deps, { ...params, accountId: auth.accountId }));
    return { status: 200, body: viewOf(row, now()) };
  });
  route(server, revokeAllKeysEndpoint, async ({ auth, body }) => {
    const revoked = await db.transaction((tx) => revokeAllKeys(tx, deps, { ...body, accountId: auth.accountId }));
    return { status: 200, body: { revoked } };
  });
};

export const keyListRoutes = (server: HttpServer, { db, wall, now }: Pick<OwnerDeps, 'db' | 'wall' | 'now'>): void => {
  route(server, getKeyEndpoint, async ({ auth, params }) => {
    wall(params.keyId);
    const row = await findKey(db.read, auth.accountId, params.keyId);
    if (row === undefined)
      return fail(notFound, { detail: 'The account has no such key; list its keys to see their ids' });
    return { status: 200, body: viewOf(row, now()) };
  });
  route(server, listKeysEndpoint, async ({ auth, query }) => {
    const after = readCursor(place, query.cursor);
    const whose = { accountId: auth.accountId, project: query.project };
    const found = await listKeys(db.read, whose, after, query.limit + 1);
    const { rows, next } = pageFrom(found, query.limit, place, (row) => ({ at: row.created_at, id: row.key_id }));
    const at = now();
    return { status: 200, body: { items: rows.map((row) => viewOf(row, at)), next } };
  });
  route(server, listKeyProjectsEndpoint, async ({ auth }) => ({
    status: 200,
    body: { items: await listProjects(db.read, auth.accountId, now(), maxProjects) },
  }));
  route(server, listKeyAuditEndpoint, async ({ auth, query }) => {
    if (query.keyId !== undefined) wall(query.keyId);
    const before = readCursor(auditPlace, query.cursor);
    const whose = { accountId: auth.accountId, keyId: query.keyId };
    const found = await listAudit(db.read, whose, before?.entry, query.limit + 1);
    const { rows, next } = pageFrom(found, query.limit, auditPlace, ({ id }) => ({ entry: Number(id) }));
    const items = rows.map(({ at, key_id, actor, action }) => ({ at: at.toISOString(), keyId: key_id, actor, action }));
    return { status: 200, body: { items, next } };
  });
};
