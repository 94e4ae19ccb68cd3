// GET /v1/models: the models of this region's profile.

import { rateHeaders } from '@meridian/client/rate-headers.ts';
import { listModels } from '@meridian/contracts/gateway.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import { type Door, presentKey } from '../keys/present-key.ts';
import { type VerifyDeps, verifyKey } from '../keys/verify-key.ts';

type Deps = VerifyDeps & {
  readonly door: Door;
  readonly models: readonly string[];
};

export const modelRoutes = (server: HttpServer, deps: Deps): void => {
  route(server, listModels, async ({ headers, ip }) => {
    const key = presentKey(headers, deps.door);
    const { product } = deps.door.origin;
    const { rates } = await verifyKey(deps, { key, product, model: null, endpoint: 'models', ip });
    // `created` is required by OpenAI's form; the profile does not know it, and 0 says so.
    const data = deps.models.map((id) => ({ id, object: 'model' as const, created: 0, owned_by: 'meridian' }));
    return { status: 200, headers: rates ? rateHeaders(rates, deps.now()) : {}, body: { object: 'list', data } };
  });
};
