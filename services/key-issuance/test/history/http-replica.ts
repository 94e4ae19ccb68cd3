// A replica of this service behind its own HTTP routes, on two listeners and a connection pool of its own. Who calls is told by the token
// itself: authentication is proved elsewhere.
import { call } from '@meridian/client/client.ts';
import type { ServiceName } from '@meridian/contracts/endpoint.ts';
import { fenceKeyIssuance } from '@meridian/contracts/fence.ts';
import {
  revokeKey as revokeKeyEndpoint,
  rotateKey as rotateKeyEndpoint,
  verifyKey as verifyKeyEndpoint,
} from '@meridian/contracts/key-issuance.ts';
import type { Database } from '@meridian/kit/db/database.ts';
import { createServer } from '@meridian/kit/http/server.ts';
import { newId } from '@meridian/kit/ids.ts';
import type { Schema } from '../../src/db/schema.ts';
import { gateRoutes } from '../../src/gates/gates.routes.ts';
import { verifyRoutes } from '../../src/keys/internal-keys.routes.ts';
import { keyRoutes } from '../../src/keys/keys.routes.ts';
import type { VerifyDeps } from '../../src/keys/verify-key.ts';
import { silent } from '../harness.ts';
import { askedOf, creating, deps, now, protectionsOf, region } from './replica.ts';
import type { Replica } from './run-history.ts';

export type HttpReplica = Replica & { readonly internalUrl: string; readonly stop: () => Promise<void> };

export type HttpReplicaOptions = {
  readonly db: Database<Schema>;
  /** What routes write with, where a planted bug is in it. */
  readonly writing?: Database<Schema>;
  readonly asked?: Partial<VerifyDeps>;
};

export const startHttpReplica = async ({ db, writing = db, asked }: HttpReplicaOptions): Promise<HttpReplica> => {
  const shared = {
    service: 'key-issuance',
    region,
    log: silent,
    now,
    trustedProxies: ['127.0.0.1'],
    corsOrigins: [],
    production: false,
    // Replicas and all of their callers share this process.
    maxEventLoopDelayMs: 0,
  } as const;
  const open = createServer({
    ...shared,
    listener: 'public',
    idempotency: db,
    verifyUser: async (token) => ({ accountId: token, sessionId: 's' }),
    introspectUser: async () => undefined,
  });
  const internal = createServer({
    ...shared,
    listener: 'internal',
    verifyService: async (token) => ({ caller: token as ServiceName }),
  });
  const routes = { ...creating, db: writing, wall: () => undefined };
  keyRoutes(open, routes);
  gateRoutes(internal, { ...deps, db: writing, wall: () => undefined });
  verifyRoutes(internal, { ...askedOf(db), ...asked });
  const at = { host: '127.0.0.1', port: 0 };
  const [{ url: openUrl }, { url: internalUrl }] = [await open.listen(at), await internal.listen(at)];

  let address = 0;
  // Each time from another address: the flood guard is not what is tried here.
  const asOwner = (accountId: string) => {
    address += 1;
    const from = `10.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`;
    return { baseUrl: openUrl, token: accountId, headers: { 'x-forwarded-for': from } };
  };
  return {
    internalUrl,
    verify: async (key) => {
      const body = { key, product: 'payg', model: null } as const;
      return (await call(verifyKeyEndpoint, { baseUrl: internalUrl, token: 'gateway', body })).body.valid;
    },
    revoke: async ({ accountId, keyId }) =>
      void (await call(revokeKeyEndpoint, { ...asOwner(accountId), params: { keyId } })),
    rotate: async ({ accountId, keyId }) => {
      const command = { params: { keyId }, body: { graceSeconds: 0 }, idempotencyKey: newId('idem', region, now()) };
      return (await call(rotateKeyEndpoint, { ...asOwner(accountId), ...command })).body.secret;
    },
    cancel: async ({ accountId }) => {
      const body = { accountId, sagaId: newId('sag', region, now()) };
      await call(fenceKeyIssuance, { baseUrl: internalUrl, token: 'identity', body });
    },
    ...protectionsOf(db),
    stop: async () => void (await Promise.all([open.close(), internal.close()])),
  };
};
