// The public keys of this region.
import { getJwks } from '@meridian/contracts/identity.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { IdentityDeps } from '../deps.ts';

export const jwksRoutes = ({ publicServer, keyRing }: IdentityDeps): void => {
  route(publicServer, getJwks, async () => ({
    status: 200,
    body: { keys: await keyRing.jwks() },
    // Short: a key that was drawn must be known everywhere long before it signs.
    headers: { 'cache-control': 'public, max-age=60' },
  }));
};
