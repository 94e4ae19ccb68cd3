// Who signs tokens in the tests of one service: identity's signing key behind a JWKS address, and the keys of all services.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ServiceName, type StaffRole, serviceNames } from '@meridian/contracts/endpoint.ts';
import { createServiceTokens } from '@meridian/kit/auth/service-tokens.ts';
import { exportJWK, SignJWT } from 'jose';

const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const issuer = 'http://identity.test';
const lifeSeconds = 300;

/** Starts the JWKS address on loopback. `now` must be the clock of the service under test. */
export const startTestAuthority = async ({ region, now }: { region: string; now: () => Date }) => {
  const signing = keyPair();
  const jwk = { ...(await exportJWK(signing.publicKey)), kid: 'test', alg: 'ES256', use: 'sig' };
  const serviceKeys = Object.fromEntries(serviceNames.map((name) => [name, keyPair()])) as Record<
    ServiceName,
    ReturnType<typeof keyPair>
  >;
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const sign = (typ: string, audience: string, subject: string, claims: Record<string, unknown>) => {
    const at = Math.floor(now().getTime() / 1_000);
    return new SignJWT({ region, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ, kid: jwk.kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject)
      .setJti(randomUUID())
      .setIssuedAt(at)
      .setExpirationTime(at + lifeSeconds)
      .sign(signing.privateKey);
  };

  return {
    userToken: (accountId: string, claims: Record<string, unknown> = {}) =>
      sign('at+jwt', 'meridian', accountId, { sid: 'ses_test', ...claims }),
    staffToken: (staffId: string, roles: readonly StaffRole[]) =>
      sign('staff+jwt', 'meridian-staff', staffId, { roles }),
    serviceToken: (caller: ServiceName, audience: ServiceName) =>
      createServiceTokens({ service: caller, region, privateKey: serviceKeys[caller].privateKey, now }).tokenFor(
        audience,
      ),
    /** The variables of a service's environment that this authority stands behind. */
    variablesOf: (service: ServiceName): Record<string, string> => ({
      SERVICE_KEY: serviceKeys[service].privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      SERVICE_KEYS: JSON.stringify(
        Object.fromEntries(
          serviceNames.map((name) => [name, serviceKeys[name].publicKey.export({ type: 'spki', format: 'pem' })]),
        ),
      ),
      ISSUER: issuer,
      JWKS_URL: `http://127.0.0.1:${port}/jwks`,
    }),
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
};
export type TestAuthority = Awaited<ReturnType<typeof startTestAuthority>>;
