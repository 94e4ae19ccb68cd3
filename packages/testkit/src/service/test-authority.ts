// Who signs tokens in the tests of one service, ready to be put into its environment.
import type { ServiceName, StaffRole } from '@meridian/contracts/endpoint.ts';
import { createTestIssuer } from '../test-issuer.ts';

/** Starts the address of the public keys on loopback. `now` must be the clock of the service under test. */
export const startTestAuthority = async ({
  region,
  foreignRegion,
  now,
}: {
  region: string;
  foreignRegion: string;
  now: () => Date;
}) => {
  const issuer = await createTestIssuer({ region, foreignRegion, issuer: 'http://identity.test', now });
  const served = await issuer.serve();
  return {
    suiteTokens: issuer.suiteTokens,
    userToken: (accountId: string) => issuer.userToken({ accountId }),
    staffToken: (staffId: string, roles: readonly StaffRole[]) => issuer.staffToken({ staffId, roles }),
    serviceToken: (caller: ServiceName, audience: ServiceName) => issuer.serviceToken({ caller, audience }),
    /** The variables of a service's environment that this authority stands behind. */
    variablesOf: (service: ServiceName): Record<string, string> => ({
      SERVICE_KEY: issuer.servicePrivatePem(service),
      SERVICE_KEYS: JSON.stringify(issuer.servicePems),
      ISSUER: issuer.issuer,
      JWKS_URL: served.url,
    }),
    stop: served.close,
  };
};
export type TestAuthority = Awaited<ReturnType<typeof startTestAuthority>>;
