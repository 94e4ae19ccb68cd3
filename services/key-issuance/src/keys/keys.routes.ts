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
import { fail } from '@meridian/kit/http/problems.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Schema } from '../db/schema.ts';
import { assertOwnRegion, type Home } from '../own-region.ts';
import { type CreateKeyDeps, createKey, createTemporaryKey } from './create-key.ts';
import { findKey, listKeys, listProjects } from './key.store.ts';
import { listAudit } from './key-audit.store.ts';
import { readAuditCursor, readCursor, viewOf, writeAuditCursor, writeCursor } from './key-view.ts';
import { revokeAllKeys, revokeKey } from './revoke-key.ts';
import { rotateKey } from './rotate-key.ts';
import { updateKey } from './update-key.ts';

type OwnerDeps = CreateKeyDeps & { readonly db: Database<Schema>; readonly home: Home };

const maxProjects = 1_000;

export const keyRoutes = (server: HttpServer, deps: OwnerDeps): void => {
  const { db, home, now } = deps;
  route(server, createKeyEndpoint, ({ auth, body, idempotency }) =>
    idempotency.commit(db, (tx: Tx<Schema>) => createKey(tx, deps, { ...body, accountId: auth.accountId })),
  );
  route(server, createTemporaryKeyEndpoint, ({ auth, body, idempotency }) =>
    idempotency.commit(db, (tx: Tx<Schema>) => createTemporaryKey(tx, deps, { ...body, accountId: auth.accountId })),
  );
  route(server, rotateKeyEndpoint, ({ auth, params, body, idempotency }) => {
    assertOwnRegion(home, params.keyId);
    return idempotency.commit(db, (tx: Tx<Schema>) =>
      rotateKey(tx, deps, { ...body, ...params, accountId: auth.accountId }),
    );
  });
  route(server, updateKeyEndpoint, async ({ auth, params, body }) => {
    assertOwnRegion(home, params.keyId);
    const row = await db.transaction((tx) => updateKey(tx, deps, { ...params, accountId: auth.accountId, body }));
    return { status: 200, body: viewOf(row, now()) };
  });
  route(server, revokeKeyEndpoint, async ({ auth, params }) => {
    assertOwnRegion(home, params.keyId);
    const row = await db.transaction((tx) => revokeKey(tx, deps, { ...params, accountId: auth.accountId }));
    return { status: 200, body: viewOf(row, now()) };
  });
  route(server, revokeAllKeysEndpoint, async ({ auth, body }) => {
    const revoked = await db.transaction((tx) => revokeAllKeys(tx, deps, { ...body, accountId: auth.accountId }));
    return { status: 200, body: { revoked } };
  });
};

export const keyListRoutes = (server: HttpServer, { db, home, now }: Pick<OwnerDeps, 'db' | 'home' | 'now'>): void => {
  route(server, getKeyEndpoint, async ({ auth, params }) => {
    assertOwnRegion(home, params.keyId);
    const row = await findKey(db.read, auth.accountId, params.keyId);
    if (row === undefined)
      return fail(notFound, { detail: 'The account has no such key; list its keys to see their ids' });
    return { status: 200, body: viewOf(row, now()) };
  });
  route(server, listKeysEndpoint, async ({ auth, query }) => {
    const after = query.cursor === undefined ? undefined : readCursor(query.cursor);
    const whose = { accountId: auth.accountId, project: query.project };
    const rows = await listKeys(db.read, whose, after, query.limit + 1);
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    const next =
      rows.length > page.length && last ? writeCursor({ createdAt: last.created_at, keyId: last.key_id }) : null;
    const at = now();
    return { status: 200, body: { items: page.map((row) => viewOf(row, at)), next } };
  });
  route(server, listKeyProjectsEndpoint, async ({ auth }) => ({
    status: 200,
    body: { items: await listProjects(db.read, auth.accountId, now(), maxProjects) },
  }));
  route(server, listKeyAuditEndpoint, async ({ auth, query }) => {
    if (query.keyId !== undefined) assertOwnRegion(home, query.keyId);
    const before = query.cursor === undefined ? undefined : readAuditCursor(query.cursor);
    const whose = { accountId: auth.accountId, keyId: query.keyId };
    const rows = await listAudit(db.read, whose, before, query.limit + 1);
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    const items = page.map(({ at, key_id, actor, action }) => ({ at: at.toISOString(), keyId: key_id, actor, action }));
    return { status: 200, body: { items, next: rows.length > page.length && last ? writeAuditCursor(last.id) : null } };
  });
};
