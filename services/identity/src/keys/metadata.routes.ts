// RFC 8414: what a standard library needs in order to verify our tokens by configuration alone.
import { getAuthorizationServer } from '@meridian/contracts/identity.ts';
import { route } from '@meridian/kit/http/route.ts';
import type { IdentityDeps } from '../deps.ts';

export const metadataRoutes = ({ publicServer, issuer, region }: IdentityDeps): void => {
  const base = issuer.replace(/\/$/, '');
  route(publicServer, getAuthorizationServer, async () => ({
    status: 200,
    body: {
      issuer,
      jwks_uri: `${base}/.well-known/jwks.json`,
      response_types_supported: [],
      grant_types_supported: [],
      service_documentation: region.profile.links.helpCentre,
    },
    headers: { 'cache-control': 'public, max-age=300' },
  }));
};
