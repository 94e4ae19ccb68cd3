// GET /v1/models: the models of this region's profile.
import { listModels } from '@meridian/contracts/gateway.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { HttpServer } from '@meridian/kit/http/server.ts';
import type { Core } from '@meridian/kit/run/platform.ts';
import { type Door, presentKey } from '../keys/present-key.ts';
import { verifyKey } from '../keys/verify-key.ts';

type Deps = Pick<Core, 'call' | 'log'> & {
  readonly door: Door;
  readonly keyIssuanceUrl: string;
  readonly models: readonly string[];
};

export const modelRoutes = (server: HttpServer, deps: Deps): void => {
  route(server, listModels, async ({ headers }) => {
    const key = presentKey(headers, deps.door);
    await verifyKey(deps, { key, product: deps.door.origin.product });
    // `created` is required by OpenAI's form; the profile does not know it, and 0 says so.
    const data = deps.models.map((id) => ({ id, object: 'model' as const, created: 0, owned_by: 'meridian' }));
    return { status: 200, body: { object: 'list', data } };
  });
};
