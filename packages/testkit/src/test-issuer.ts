// Everything a service under test believes in: one key pair per role, tokens of every kind, good and bad, and the JWKS to serve.
import { type KeyObject, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ServiceName, type StaffRole, serviceNames } from '@meridian/contracts/endpoint.ts';
import { newId } from '@meridian/kit/ids.ts';
import { decodeJwt, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { SuiteTokens } from './endpoint-suite/suite-types.ts';

export type TestIssuer = {
  readonly issuer: string;
  readonly jwks: { readonly keys: readonly JWK[] };
  /** Public keys of all services, as PEM and as JWK; and the private key of one, as PEM, for its configuration. */
  readonly servicePems: Readonly<Record<ServiceName, string>>;
  readonly serviceJwks: Readonly<Record<ServiceName, JWK>>;
  readonly servicePrivatePem: (service: ServiceName) => string;
  readonly userToken: (user: {
    accountId: string;
    sessionId?: string;
    issuedAt?: Date;
    region?: string;
  }) => Promise<string>;
  readonly staffToken: (staff: { roles: readonly StaffRole[]; staffId?: string; region?: string }) => Promise<string>;
  readonly serviceToken: (call: { caller: ServiceName; audience: ServiceName; region?: string }) => Promise<string>;
  /** All tokens the endpoint suite wants, for `service` and these two accounts. */
  readonly suiteTokens: (service: ServiceName, accounts: { user: string; otherUser: string }) => Promise<SuiteTokens>;
  /** Serves the key set on the loopback interface; answers its address. At `origin` it answers introspection as identity does. */
  readonly serve: () => Promise<{ url: string; origin: string; close: () => Promise<void> }>;
  /** Accounts whose tokens introspection calls ended. */
  readonly ended: Set<string>;
  /** Accounts that introspection calls restricted after a recovery, and until when. */
  readonly restricted: Map<string, string>;
};

const pem = (key: unknown, type: 'pkcs8' | 'spki') => (key as KeyObject).export({ type, format: 'pem' }).toString();

const makePair = async () => {
  const { KeyObject: Keys } = await import('node:crypto');
  const pair = await generateKeyPair('ES256', { extractable: true });
  return {
    privateKey: Keys.from(pair.privateKey),
    publicKey: Keys.from(pair.publicKey),
    jwk: await exportJWK(pair.publicKey),
  };
};

/** `issuer` is the ISSUER the service is configured with; `region` its own region, `foreignRegion` the name of another. */
export const createTestIssuer = async (options: {
  region: string;
  foreignRegion: string;
  issuer: string;
  now?: () => Date;
}): Promise<TestIssuer> => {
  const { region, foreignRegion, issuer, now = () => new Date() } = options;
  const home = await makePair();
  const foreign = await makePair();
  const services = Object.fromEntries(
    await Promise.all(serviceNames.map(async (name) => [name, await makePair()] as const)),
  ) as Record<ServiceName, Awaited<ReturnType<typeof makePair>>>;
  const each = <T>(read: (pair: (typeof services)[ServiceName]) => T) =>
    Object.fromEntries(serviceNames.map((name) => [name, read(services[name])])) as Record<ServiceName, T>;
  const jwks = { keys: [{ ...home.jwk, kid: 'test-1', alg: 'ES256', use: 'sig' }] };
  const sign = (
    claims: Record<string, unknown>,
    header: { typ: string; kid?: string },
    key: KeyObject,
    issuedAt: Date,
    life: number,
  ) => {
    const at = Math.floor(issuedAt.getTime() / 1_000);
    return new SignJWT({ jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: 'ES256', ...header })
      .setIssuedAt(at)
      .setExpirationTime(at + life)
      .sign(key);
  };
  // The other region signs with a key of its own, under the same key id: that must not help it.
  const keyOf = (where: string) => (where === region ? home : foreign).privateKey;

  const userToken: TestIssuer['userToken'] = ({
    accountId,
    sessionId = newId('ses', region, now()),
    issuedAt = now(),
    region: where = region,
  }) =>
    sign(
      { iss: issuer, aud: 'meridian', sub: accountId, sid: sessionId, client_id: 'test', region: where },
      { typ: 'at+jwt', kid: 'test-1' },
      keyOf(where),
      issuedAt,
      300,
    );
  const staffToken: TestIssuer['staffToken'] = ({ roles, staffId = 'staff-test', region: where = region }) =>
    sign(
      { iss: issuer, aud: 'meridian-staff', sub: staffId, roles, region: where },
      { typ: 'staff+jwt', kid: 'test-1' },
      keyOf(where),
      now(),
      300,
    );
  const serviceToken: TestIssuer['serviceToken'] = ({ caller, audience, region: where = region }) =>
    sign(
      { iss: caller, sub: caller, aud: audience, region: where },
      { typ: 'svc+jwt' },
      where === region ? services[caller].privateKey : foreign.privateKey,
      now(),
      60,
    );

  const ended = new Set<string>();
  const restricted = new Map<string, string>();
  const introspect = (token: string) => {
    const { sub = '', sid } = decodeJwt(token);
    return ended.has(sub)
      ? { active: false }
      : { active: true, sub, sid, token_type: 'Bearer', restricted_until: restricted.get(sub) ?? null };
  };

  return {
    issuer,
    ended,
    restricted,
    jwks,
    servicePems: each((pair) => pem(pair.publicKey, 'spki')),
    serviceJwks: each((pair) => pair.jwk),
    servicePrivatePem: (service) => pem(services[service].privateKey, 'pkcs8'),
    userToken,
    staffToken,
    serviceToken,
    suiteTokens: async (service, { user, otherUser }) => ({
      user: await userToken({ accountId: user }),
      otherUser: await userToken({ accountId: otherUser }),
      expiredUser: await userToken({ accountId: user, issuedAt: new Date(now().getTime() - 3_600_000) }),
      foreignRegionUser: await userToken({ accountId: user, region: foreignRegion }),
      staffWith: (roles) => staffToken({ roles }),
      foreignRegionStaff: await staffToken({ roles: ['admin'], region: foreignRegion }),
      service: (caller) => serviceToken({ caller, audience: service }),
      foreignRegionService: (caller) => serviceToken({ caller, audience: service, region: foreignRegion }),
    }),
    serve: async () => {
      const server = createServer((request, response) => {
        response.setHeader('content-type', 'application/json');
        if (request.url !== '/internal/v1/introspect') return void response.end(JSON.stringify(jwks));
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const { token } = JSON.parse(Buffer.concat(chunks).toString()) as { token: string };
          response.end(JSON.stringify(introspect(token)));
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return {
        url: `${origin}/jwks.json`,
        origin,
        close: async () => {
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        },
      };
    },
  };
};
